"""`plainfilm train`: train a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

KEPT = "the run is kept to its last checkpoint; continue with --resume"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A shipped recipe's name, or a YAML file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[KEY=VALUE]...",
            help="Changes to the recipe, e.g. training.epochs=5, or to a stage of it, "
            "stages.2.training.epochs=5.",
        ),
    ] = None,
    *,
    data: Annotated[
        list[Path], typer.Option("--data", metavar="COLLECTION", help="A collection to train on; repeatable.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="A new folder for the run.")],
    resume: Annotated[bool, typer.Option("--resume", help="Continue the stopped run in --out.")] = False,
    trust_code: Annotated[
        bool,
        typer.Option(
            "--trust-code",
            help="Run Python files that models to start from, or a run that is resumed, name.",
        ),
    ] = False,
) -> None:
    """Train the model of RECIPE on the training split of each COLLECTION.

    RUN/model is the best model by the recipe's validation metric, RUN/last the newest, RUN/log.jsonl
    the losses. The stages of a recipe are trained one after another in RUN/stage-1, RUN/stage-2 and so on,
    and RUN/model is that of the last. A run that was stopped, even killed, goes on with --resume and ends in
    the same weights. Start it under torchrun to share every batch between processes.
    """
    from plainfilm.cli.console import console_progress
    from plainfilm.collection.collection import Collection
    from plainfilm.training.distributed import writing_together
    from plainfilm.training.runner import Runner
    from plainfilm.training.stages import load_stages

    progress = console_progress()
    with writing_together(out):
        checked = load_stages(recipe, overrides or (), trust_code=trust_code)
        collections = [Collection.open(path) for path in data]
        model = Runner(collections, out, resume, progress, trust_code).train(checked)
    progress.log(f"model: {model}")
