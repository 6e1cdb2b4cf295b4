"""`plainfilm prepare`: convert a published raw layout to a collection."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from plainfilm.cli.options import Ray
from plainfilm.errors import UsageError
from plainfilm.plugins import names, resolve

KEPT = "finished studies are kept; repeat the command to continue"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    source: Annotated[str, typer.Argument(help=f"{', '.join(names('source'))}, or a .py file of your own.")],
    out: Annotated[Path, typer.Option(help="Folder of the collection; new, empty, or unfinished.")],
    raw: Annotated[
        Path | None,
        typer.Argument(help="Folder or file of the raw data; by default from the environment."),
    ] = None,
    size: Annotated[
        int, typer.Option(help="Shortest side of stored images in pixels; images are never enlarged.")
    ] = 512,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; all cores by default.")] = None,
    ray: Ray = None,
    column: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE=HEADER", help="For table: the header of a role; repeatable."),
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Another option of the source; repeatable.")
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option(
            help="For dicom_folder: the file with the key of the pseudonyms; OUT.deid-key otherwise."
        ),
    ] = None,
    tables_only: Annotated[
        bool, typer.Option("--tables-only", help="Read the tables only; open no film.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Keep and flag files whose header is not of a chest film.")
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace the existing collection.")] = False,
) -> None:
    """Convert a raw layout to a collection; repeat the command to continue.

    Roles: image, image_id, text, labels, patient, study, view, split, age, sex, licence, order; text and
    labels take several headers, separated by commas. The table `rejected` lists unusable input with the
    reason.
    """
    from plainfilm.cli.console import console_progress
    from plainfilm.collection.prepare import first_rejected, prepare
    from plainfilm.config import override
    from plainfilm.io.folders import default_options
    from plainfilm.io.workers import Workers

    options = override({}, option or [])
    if raw is None:
        raw = _raw_of_environment(source)
        options = default_options(source) | options
    if key is not None:
        options["key"] = key
    if column:
        options["columns"] = _columns(column)
    progress = console_progress()
    collection = prepare(
        source,
        raw,
        out,
        size=size,
        workers=Workers(workers, ray),
        options=options,
        tables_only=tables_only,
        keep_refused=force,
        replace_present=replace,
        progress=progress,
    )
    for line in first_rejected(collection):
        progress.log(f"rejected: {line}")
    rows = {name: table["rows"] for name, table in collection.meta["tables"].items()}
    sys.stdout.write(
        f"{out}: {rows['studies']} studies, {rows['images']} images, {rows['sentences']} sentences; "
        f"{rows['rejected']} rejected\n"
    )


def _raw_of_environment(source: str) -> Path:
    from plainfilm.io.folders import default_raw, variable_of

    resolve("source", source)
    raw = default_raw(source)
    if raw is None:
        variable = variable_of(source)
        remedy = f"or set {variable}" if variable else "as the second argument"
        raise UsageError(f"prepare {source}: name the folder of the raw data, {remedy}")
    return raw


def _columns(assignments: list[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for assignment in assignments:
        role, separator, header = assignment.partition("=")
        if not (role and separator and header):
            raise UsageError(f"--column '{assignment}': write it ROLE=HEADER, e.g. --column text=findings")
        if role in columns:
            raise UsageError(f"--column '{assignment}': role '{role}' is given twice")
        columns[role] = header
    return columns
