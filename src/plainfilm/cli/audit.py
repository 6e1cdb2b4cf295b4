"""`plainfilm audit`: find problems in collections that would distort scores."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from plainfilm.cli.console import output_console, print_json
from plainfilm.cli.options import Ray

if TYPE_CHECKING:
    from plainfilm.collection import Collection


KEPT = "nothing was changed; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    collections: Annotated[list[Path], typer.Argument(help="Collections to examine together.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document and nothing else.")] = False,
    model: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="MODEL",
            help="A model to be evaluated here: is any patient one that it was trained on? Repeatable.",
        ),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a page with pictures of the findings.")] = None,
    ray: Ray = None,
) -> None:
    """Check for leaks between splits, duplicate images and reports (resized and recompressed copies too),
    conflicting labels, views that the pixels contradict, boxes outside their image, licences and identifiers,
    and measure the agreement between label origins; compare every file with its SHA-256. With --model also
    for patients that a model was trained on. Exit 1 if there is a leak or a damaged or missing file."""
    from plainfilm.cli.console import console_progress
    from plainfilm.collection import Collection
    from plainfilm.collection.audit import audit
    from plainfilm.io.locks import writing_file
    from plainfilm.io.workers import Workers
    from plainfilm.model_folder import training_patients

    opened = [Collection.open(path) for path in collections]
    trained = {str(path): training_patients(path) for path in model or ()}
    with writing_file(html):
        findings = audit(opened, console_progress(), Workers(1, ray), trained)
        if html is not None:
            _write_page(findings, opened, html)
    if as_json:
        print_json(findings)
    else:
        _show(findings)
    if findings["leaks"] or findings["damage"]:
        raise typer.Exit(1)


def _write_page(findings: dict[str, list[dict[str, Any]]], opened: list[Collection], path: Path) -> None:
    from plainfilm.io.files import replacing
    from plainfilm.results.audit_page import audit_page

    page = audit_page(findings, {one.name: one for one in opened})
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")


_SHOWN = 20
"""Entries of each kind shown in a table; `--json` lists all."""

_WIDE = 120
"""The console width, in characters, of an agreement table."""


def _show(findings: dict[str, list[dict[str, Any]]]) -> None:
    from rich.table import Table

    console = output_console()
    for title, entries in findings.items():
        if not entries:
            console.print(f"{title}: none")
            continue
        if title == "agreement":
            _show_agreement(console, entries)
            continue
        table = Table("kind", "n", "details", title=f"{title}: {len(entries)}")
        for entry in entries[:_SHOWN]:
            table.add_row(str(entry["kind"]), str(entry["n"]), _what(entry))
        if len(entries) > _SHOWN:
            table.caption = f"{len(entries) - _SHOWN} more; --json lists all"
        console.print(table)


def _show_agreement(console: Any, entries: list[dict[str, Any]]) -> None:
    """Print one table for each pair of origins."""
    from rich.box import SIMPLE
    from rich.table import Table

    console.width = max(console.width, _WIDE)
    for pair in dict.fromkeys((entry["collection"], *entry["origins"]) for entry in entries):
        heads = ("observation", "studies", "both positive", "only first", "only second", "kappa", "positive")
        table = Table(*heads, box=SIMPLE, title=f"agreement in {pair[0]}: {pair[1]} and {pair[2]}")
        for entry in entries:
            if (entry["collection"], *entry["origins"]) == pair:
                counts = (entry["n"], entry["both_positive"], *entry["one_positive"])
                measured = (_interval(entry["kappa"]), _interval(entry["positive_kappa"]))
                table.add_row(entry["observation"], *map(str, counts), *measured)
        table.caption = "Cohen's kappa over all states, and over positive or not; 95 % intervals by patient"
        console.print(table)


def _interval(values: list[float | None]) -> str:
    value, low, high = values
    if value is None:
        return "none"
    return f"{value:.2f}" if low is None else f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _what(entry: dict[str, Any]) -> str:
    shown = {
        name: value for name, value in entry.items() if name not in ("kind", "n", "collection", "images")
    }
    return str(shown.pop("message", "")) or "; ".join(
        f"{name}: {_line(value)}" for name, value in shown.items()
    )


def _line(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 90 else f"{text[:87]}..."
