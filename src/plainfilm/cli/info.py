"""`plainfilm info`: summarize a collection."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

KEPT = "nothing was changed; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    collection: Annotated[Path, typer.Argument(help="Folder of the collection.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document and nothing else.")] = False,
) -> None:
    """Count a collection's images, studies, patients, splits, views, labels and licences."""
    from plainfilm.collection import Collection
    from plainfilm.collection.info import info

    summary = info(Collection.open(collection))
    if as_json:
        sys.stdout.write(json.dumps(summary, indent=2, ensure_ascii=False) + "\n")
    else:
        _show(summary)


def _show(summary: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(file=sys.stdout, highlight=False)
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
