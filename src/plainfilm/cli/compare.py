"""`plainfilm compare`: compare results, with an interval and tests for each difference."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from plainfilm.cli.console import print_json

KEPT = "nothing was changed; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    results: Annotated[
        list[str],
        typer.Argument(
            metavar="RESULTS...",
            help="Folders of results, or NAME=FOLDER; folders of one NAME, or below one folder, are repeated "
            "runs of one model. All are compared to the first.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for a page with the scores and the ROC and PR curves.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare results item by item: paired differences with 95 % intervals, by patient.

    A star marks a difference whose interval excludes 0. P-values of single classes, from the resamples and
    by DeLong's test, are corrected over the classes (Holm).
    """
    from plainfilm.io.manifest import changing
    from plainfilm.results import compare_page
    from plainfilm.results.compare import as_lines, compare, not_compared, read_models

    first, *others = models = read_models(results)
    with nullcontext() if out is None else changing(out, compare_page.META):
        compared = [compare(first, other) for other in others]
        if out is not None:
            compare_page.write(models, compared, out)
    if as_json:
        print_json(compare_page.document(models, compared))
        return
    for other, found in zip(others, compared, strict=True):
        sys.stdout.writelines(f"{one}\n" for one in as_lines(first.name, other.name, found))
        unlike = not_compared(first, other)
        if unlike:
            sys.stdout.write(f"not compared, as the two mean different things: {', '.join(unlike)}\n")
    if out is not None:
        sys.stdout.write(f"{out / 'index.html'}\n")
