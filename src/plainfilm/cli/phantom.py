"""`plainfilm phantom`: write a synthetic corpus in a published raw layout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from plainfilm.plugins import names

KEPT = "finished patients are kept; repeat the command to continue"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    layout: Annotated[
        str, typer.Argument(help=f"The raw layout to write: {', '.join(names('phantom layout'))}.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the corpus; new or empty.")],
    studies: Annotated[int, typer.Option(min=1, help="Number of studies, each of one to three films.")] = 200,
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    size: Annotated[int, typer.Option(min=32, help="Longer side of the films in pixels.")] = 512,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; all cores by default.")] = None,
) -> None:
    """Write a synthetic corpus in a published raw layout: films, reports and labels with known ground truth.

    The ground truth of every film and sentence is written to the folder `truth` beside the layout's files.
    Scores on phantoms have no clinical meaning.
    """
    from plainfilm.cli.console import console_progress
    from plainfilm.phantom import write

    progress = console_progress()
    write(layout, out, studies=studies, seed=seed, size=size, workers=workers, progress=progress)
    progress.log(f"{out}: {studies} studies in the layout of {layout}, ground truth in {out / 'truth'}")
