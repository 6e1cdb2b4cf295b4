"""`plainfilm score`: score the reports of any system against references."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

KEPT = "no results were written, earlier ones are unchanged; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    references: Annotated[
        Path,
        typer.Argument(help="References: CSV, JSON Lines, ReXrank's JSON, or results of report_generation."),
    ],
    candidates: Annotated[Path, typer.Argument(help="Reports to score, in any of these formats.")],
    out: Annotated[Path, typer.Option(help="Folder of the results.")],
    settings: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Such as placeholders=remove or tokenisation=zh."),
    ] = None,
    training: Annotated[
        Path | None, typer.Option(help="Training reports, for the commonest and a random one as baselines.")
    ] = None,
    id_column: Annotated[
        str | None, typer.Option(help="Column or key of ids; by default found by its usual names.")
    ] = None,
    reference_column: Annotated[str | None, typer.Option(help="Column or key of the references.")] = None,
    text_column: Annotated[str | None, typer.Option(help="Column or key of the reports to score.")] = None,
) -> None:
    """Score reports by their ids: BLEU, ROUGE-L, METEOR, CIDEr, findings, sides, length and repetition.

    Scores, intervals and page are those of `plainfilm evaluate report_generation`; every score states its
    identity, and `plainfilm compare` compares the results of systems that were scored on the same references.
    """
    from plainfilm.cli.console import console_progress
    from plainfilm.config import build, override
    from plainfilm.io.manifest import changing
    from plainfilm.results import write
    from plainfilm.results.reading import META
    from plainfilm.results.text import DIRECTIONS_EXPLAINED, lines
    from plainfilm.tasks.reporting.score_files import Config, score_reports
    from plainfilm.tasks.reporting.text_files import Columns, read_reports

    config = build(Config, override({}, settings or []), "score")
    names = references.name, candidates.name
    with changing(out, META):
        wanted = read_reports(references, "reference", Columns(id_column, reference_column))
        written = read_reports(candidates, "candidate", Columns(id_column, text_column))
        known = (
            read_reports(training, "reference", Columns(id_column, reference_column)) if training else None
        )
        results = score_reports(wanted, written, config, names, known, console_progress())
        write(results, out)
    sys.stdout.writelines(f"{line}\n" for line in (*lines(results.headline), DIRECTIONS_EXPLAINED))
    sys.stdout.write(f"{out / 'index.html'}\n")
