"""`plainfilm label`: observations from reports."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def command(
    collection: Annotated[
        Path, typer.Argument(help="Folder of the collection; its table of labels is rewritten.")
    ],
    vocabulary: Annotated[str, typer.Option(help="Which observations: chexpert.")] = "chexpert",
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; all cores by default.")] = None,
) -> None:
    """Label every study and every sentence of a collection from its reports; other origins' labels stay."""
    from plainfilm.cli.console import console_progress
    from plainfilm.collection import Collection, label_collection

    opened = Collection.open(collection)
    written = label_collection(opened, vocabulary, workers, console_progress())
    sys.stdout.write(f"{collection}: {written} labels written\n")
