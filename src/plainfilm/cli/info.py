"""`plainfilm info`: summarize a collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plainfilm.cli.console import output_console, print_json

if TYPE_CHECKING:
    from plainfilm.collection import Collection

KEPT = "nothing was changed; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    collection: Annotated[Path, typer.Argument(help="Folder of the collection.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document and nothing else.")] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Write a page, too: views, ages, labels that occur together, sample films."),
    ] = None,
) -> None:
    """Count a collection's images, studies, patients, splits, views, labels and licences."""
    from plainfilm.collection import Collection
    from plainfilm.collection.info import info

    opened = Collection.open(collection)
    summary = info(opened)
    if html is not None:
        _write_page(opened, html)
    if as_json:
        print_json(summary)
    else:
        _show(summary)


def _write_page(collection: Collection, path: Path) -> None:
    from plainfilm.collection.info_page import info_page
    from plainfilm.io.files import replacing
    from plainfilm.io.locks import writing_file

    with writing_file(path), replacing(path) as temporary:
        temporary.write_text(info_page(collection), encoding="utf-8")


def _show(summary: dict[str, Any]) -> None:
    from rich.table import Table

    console = output_console()
    table = Table(title=summary["name"], show_header=False)
    for name, value in summary.items():
        if name not in ("name", "labels"):
            table.add_row(name, _line(value))
    console.print(table)
    labels = Table("observation", "positive", "negative", "uncertain", title="labels of studies and images")
    for observation, counts in summary["labels"].items():
        labels.add_row(observation, *(str(counts[state]) for state in ("positive", "negative", "uncertain")))
    if summary["labels"]:
        console.print(labels)


def _line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {count}" for name, count in value.items()) or "none"
    return str(value)
