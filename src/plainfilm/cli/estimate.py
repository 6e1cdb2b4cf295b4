"""`plainfilm estimate`: what a corpus costs in hours on a cluster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from plainfilm.cli.console import print_json

KEPT = "nothing was changed; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    collection: Annotated[
        Path, typer.Argument(help="A collection that is like the corpus; its films are timed.")
    ],
    recipe: Annotated[
        str | None, typer.Option(help="A recipe, by name or file, whose model is timed with random weights.")
    ] = None,
    films: Annotated[int, typer.Option(min=10, help="Number of films to time.")] = 300,
    cores: Annotated[int, typer.Option(min=1, help="Cores of a node that is planned for.")] = 32,
    bandwidth: Annotated[
        float, typer.Option(min=1, help="Megabytes that a node moves in a second, disk or network.")
    ] = 1000.0,
    trust_code: Annotated[
        bool,
        typer.Option("--trust-code", help="Run Python files that the recipe names.", show_default=False),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Time a few hundred films of COLLECTION on this machine, and print the hours that every stage takes for
    1, 10 and 100 million films on 1 to 64 nodes, what decides them, and where more nodes stop helping."""
    from plainfilm.cli.console import console_progress
    from plainfilm.collection import Collection
    from plainfilm.estimate import Plan, measure
    from plainfilm.training.staged_recipe import StagedRecipe
    from plainfilm.training.stages import load_stages

    opened = Collection.open(collection)
    chosen = None
    if recipe is not None:
        loaded = load_stages(recipe, (), trust_code=trust_code)
        chosen = loaded.recipes[0] if isinstance(loaded, StagedRecipe) else loaded
    plan = Plan(measure(opened, chosen, films, console_progress()), cores, bandwidth * 1e6)
    if as_json:
        print_json(plan.document())
        return
    sys.stdout.writelines(f"{line}\n" for line in plan.lines())
