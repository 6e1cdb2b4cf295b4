"""`plainfilm audit`: what could make a score on collections wrong."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer


def command(
    collections: Annotated[list[Path], typer.Argument(help="Collections to examine together.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document and nothing else.")] = False,
) -> None:
    """Look for leaks between splits, duplicate films and reports, conflicting labels; exit 1 if any leak."""
    from plainfilm.collection import Collection, audit

    found = audit([Collection.open(path) for path in collections])
    if as_json:
        sys.stdout.write(json.dumps(found, indent=2, ensure_ascii=False) + "\n")
    else:
        _show(found)
    if found["leaks"]:
        raise typer.Exit(1)


_SHOWN = 20
"""Entries of each kind a table shows; `--json` gives all."""


def _show(found: dict[str, list[dict[str, Any]]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(file=sys.stdout, highlight=False)
    for title, entries in found.items():
        if not entries:
            console.print(f"{title}: none")
            continue
        table = Table("kind", "n", "what", title=f"{title}: {len(entries)}")
        for entry in entries[:_SHOWN]:
            table.add_row(str(entry["kind"]), str(entry["n"]), _what(entry))
        if len(entries) > _SHOWN:
            table.caption = f"{len(entries) - _SHOWN} more; --json lists all"
        console.print(table)


def _what(entry: dict[str, Any]) -> str:
    shown = {name: value for name, value in entry.items() if name not in ("kind", "n", "collection")}
    return str(shown.pop("message", "")) or "; ".join(
        f"{name}: {_line(value)}" for name, value in shown.items()
    )


def _line(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 90 else f"{text[:87]}..."
