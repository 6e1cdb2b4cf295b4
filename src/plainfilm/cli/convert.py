"""`plainfilm convert`: write a collection in another system's format."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from plainfilm import plugins

KEPT = "the folder is unfinished; repeat the command to complete it"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    collection: Annotated[Path, typer.Argument(help="Folder of the collection.")],
    format_name: Annotated[
        str,
        typer.Argument(metavar="FORMAT", help=f"One of: {', '.join(plugins.names('interchange format'))}."),
    ],
    settings: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Options of the format, e.g. images=copy."),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="Folder to write; new or empty.")],
) -> None:
    """Write a collection in another system's format, and list the data that the format cannot hold.

    docs/interchange.md lists the formats, their options and how each is read back.
    """
    from plainfilm.collection import Collection
    from plainfilm.config import override
    from plainfilm.interchange import convert

    written = convert(Collection.open(collection), format_name, out, override({}, settings or []))
    names = ", ".join(path.name for path in written.files)
    sys.stdout.write(f"{out}: {written.rows} rows in {names}\n")
    sys.stdout.writelines(f"not in it: {line}\n" for line in written.left_out)
