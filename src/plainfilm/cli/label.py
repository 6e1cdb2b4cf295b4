"""`plainfilm label`: label the reports of a collection, a table or a file."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plainfilm.cli.options import Ray

if TYPE_CHECKING:
    from plainfilm.io.workers import Workers
    from plainfilm.labelling.local_model import LocalModel

KEPT = "nothing was changed; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


class Codes(StrEnum):
    """The codes for states in a table."""

    CHEXPERT = "chexpert"
    CHEXBERT = "chexbert"


def command(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="[COLLECTION | REPORTS.csv]",
            help="A collection, whose table of labels is rewritten, or a CSV file of reports.",
        ),
    ] = None,
    vocabulary: Annotated[
        str, typer.Option(help="Vocabulary of observations: chexpert, nih14, or a YAML file of your own.")
    ] = "chexpert",
    text_column: Annotated[
        list[str] | None, typer.Option(help="Text column of the CSV file; may be repeated.")
    ] = None,
    codes: Annotated[
        Codes, typer.Option(help="chexpert: 1, 0, -1, blank; chexbert: 1, 2, 3, 0.")
    ] = Codes.CHEXPERT,
    header_rules: Annotated[
        str, typer.Option(help="Section headings of the reports: plain, mimic_cxr, chexpert, cgmh.")
    ] = "plain",
    out: Annotated[Path | None, typer.Option(help="CSV file to write; compressed if it ends in .gz.")] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="JSON lines file for sentence, characters and rule of every label.")
    ] = None,
    explain: Annotated[
        Path | None, typer.Option(help="Print a report, a text file, with its findings marked.")
    ] = None,
    html: Annotated[Path | None, typer.Option(help="With --explain: write a page instead.")] = None,
    model_address: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Ask a language model of this network (OpenAI's chat completions) instead of the rules.",
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="With --model-address: the model's name there.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; all cores by default.")] = None,
    ray: Ray = None,
) -> None:
    """Label reports: the studies and sentences of a collection (labels of other origins stay), the rows of a
    CSV file, or a single report, with explanations."""
    from plainfilm.errors import UsageError
    from plainfilm.io.paths import is_folder
    from plainfilm.io.workers import Workers

    who = Workers(workers, ray)
    if (source is None) == (explain is None):
        raise UsageError("name a collection or a CSV file of reports, or use --explain REPORT.txt")
    asked = _model(model_address, model)
    if explain is not None:
        _explain(explain, vocabulary, asked, html)
    elif source is not None and is_folder(source):
        if text_column or out or evidence:
            raise UsageError(
                f"{source}: is a collection; --text-column, --out and --evidence apply to a CSV file only"
            )
        _collection(source, vocabulary, asked, who)
    elif source is not None:
        if not text_column or out is None:
            raise UsageError(f"{source}: a CSV file needs --text-column HEADER and --out labels.csv")
        _csv(source, out, text_column, vocabulary, asked, codes.value, header_rules, evidence, who)


def _model(address: str | None, name: str | None) -> LocalModel | None:
    from plainfilm.errors import UsageError
    from plainfilm.labelling.local_model import LocalModel

    if address is None and name is None:
        return None
    if address is None or name is None:
        raise UsageError("--model-address URL and --model NAME belong together")
    return LocalModel(address, name)


def _collection(path: Path, vocabulary: str, model: LocalModel | None, workers: Workers) -> None:
    from plainfilm.cli.console import console_progress
    from plainfilm.collection import Collection
    from plainfilm.collection.label import label_collection

    opened = Collection.open(path)
    written = label_collection(opened, vocabulary, workers, console_progress(), model)
    sys.stdout.write(f"{path}: {written} labels written\n")


def _csv(
    path: Path,
    out: Path,
    columns: list[str],
    vocabulary: str,
    model: LocalModel | None,
    codes: str,
    header_rules: str,
    evidence: Path | None,
    workers: Workers,
) -> None:
    from plainfilm.cli.console import console_progress
    from plainfilm.labelling.table import label_csv

    done = label_csv(
        path,
        out,
        columns,
        vocabulary=vocabulary,
        model=model,
        codes="chexbert" if codes == "chexbert" else "chexpert",
        header_rules=header_rules,
        evidence=evidence,
        workers=workers,
        progress=console_progress(),
    )
    counted = ", ".join(f"{count} {status}" for status, count in sorted(done.statuses.items()))
    sys.stdout.write(f"{out}: {done.rows} reports ({counted or 'none'})\n")


def _explain(path: Path, vocabulary: str, model: LocalModel | None, html: Path | None) -> None:
    from plainfilm.errors import DataError
    from plainfilm.labelling.explain import explain_report, to_html, to_terminal
    from plainfilm.labelling.local_model import load_labeller

    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    explained = explain_report(text, load_labeller(vocabulary, model=model))
    if html is None:
        sys.stdout.write(to_terminal(explained, colours=sys.stdout.isatty()))
        return
    from plainfilm.io.files import replacing
    from plainfilm.io.locks import writing_file

    with writing_file(html), replacing(html) as temporary:
        temporary.write_text(to_html(explained, path.name), encoding="utf-8")
    sys.stdout.write(f"{html}: {len(explained.labels)} labels\n")
