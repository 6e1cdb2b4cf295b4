"""`plainfilm demo`: the whole way on phantoms."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def command(
    out: Annotated[Path, typer.Option(help="Folder for everything the demo makes; new or empty.")] = Path(
        "demo"
    ),
    studies: Annotated[int, typer.Option(min=50, help="Phantom studies to make.")] = 1600,
    seed: Annotated[int, typer.Option(help="Seed of the phantoms and of training.")] = 0,
) -> None:
    """Make phantoms, train on them, retrieve for unseen films, score: a few minutes on two cores."""
    from plainfilm.cli.console import console_progress
    from plainfilm.demo import headline, run

    results = run(out, studies=studies, seed=seed, progress=console_progress())
    page = out / "results" / "index.html"
    sys.stdout.write(f"The page: {page}\n")
    sys.stdout.write("Synthetic films, nothing clinical; in brackets 95 % intervals by patient.\n")
    sys.stdout.write("\n".join(headline(results)) + "\n")
