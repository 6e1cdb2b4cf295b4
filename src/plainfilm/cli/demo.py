"""`plainfilm demo`: the whole workflow on phantoms."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

KEPT = "finished steps are kept; repeat the command to continue"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    out: Annotated[Path, typer.Option(help="Folder for all output of the demo; new or empty.")] = Path(
        "demo"
    ),
    studies: Annotated[int, typer.Option(min=50, help="Number of phantom studies.")] = 1200,
    seed: Annotated[int, typer.Option(help="Seed of the phantoms and of training.")] = 0,
) -> None:
    """Show what a shipped model says of phantom films; then generate more, train from nothing, and evaluate.

    The page is there within seconds, what was learned after a few minutes on two cores.
    """
    from plainfilm.cli.console import console_progress
    from plainfilm.demo import PAGE, headline, run
    from plainfilm.results.text import lines

    results = run(out, studies=studies, seed=seed, progress=console_progress())
    sys.stdout.write(f"The page: {out / PAGE}\n")
    sys.stdout.write("Synthetic films, nothing clinical; 95 % intervals by patient in brackets.\n")
    sys.stdout.write("\n".join(lines(headline(results))) + "\n")
