"""`plainfilm train`: train a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def command(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A shipped recipe's name, or a YAML file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Changes to the recipe, e.g. training.epochs=5."),
    ] = None,
    *,
    data: Annotated[
        list[Path], typer.Option("--data", metavar="COLLECTION", help="A collection to train on; repeatable.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="A new folder for the run.")],
    resume: Annotated[bool, typer.Option("--resume", help="Continue the stopped run in --out.")] = False,
    trust_code: Annotated[
        bool, typer.Option("--trust-code", help="Run the code of the models that parts come from.")
    ] = False,
) -> None:
    """Train the model of RECIPE on the training split of each COLLECTION.

    RUN/model is the best model by the recipe's validation metric, RUN/last the newest, RUN/log.jsonl the
    log. --resume continues a stopped or killed run, which ends in the same weights. Under torchrun, the
    processes share every batch.
    """
    from plainfilm.cli.console import console_progress
    from plainfilm.collection.collection import Collection
    from plainfilm.training.recipe import load_recipe
    from plainfilm.training.trainer import train

    checked = load_recipe(recipe, overrides or (), trust_code=trust_code)
    collections = [Collection.open(path) for path in data]
    progress = console_progress()
    model = train(checked, collections, out, resume=resume, progress=progress, trust_code=trust_code)
    progress.say(f"model: {model}")
