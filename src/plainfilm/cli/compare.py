"""`plainfilm compare`: compare results, with an interval for each difference."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from plainfilm.cli.console import print_json
from plainfilm.errors import UsageError

KEPT = "nothing was changed; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    results: Annotated[list[Path], typer.Argument(help="Folders of results; all are compared to the first.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Compare results item by item: paired differences with 95 % intervals, by patient.

    A star marks a difference whose interval excludes 0.
    """
    from plainfilm.results.compare import as_lines, as_rows, compare, read

    if len(results) < 2:
        raise UsageError("compare: name at least two folders of results")
    first, *others = (read(folder) for folder in results)
    compared = [(other, compare(first, other)) for other in others]
    if as_json:
        document = [
            {"first": str(first.path), "second": str(other.path), "differences": as_rows(found)}
            for other, found in compared
        ]
        print_json(document)
        return
    for other, found in compared:
        sys.stdout.writelines(f"{one}\n" for one in as_lines(first.path.name, other.path.name, found))
