"""`plainfilm finetune`: fine-tune a model's image encoder as a classifier, on fractions of the labels."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from plainfilm.cli.options import TrustCodeOfRun

if TYPE_CHECKING:
    from plainfilm.finetuning import FractionGrid


KEPT = "runs are kept to their last checkpoints; continue with --resume"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A shipped recipe's name, or a YAML file.")],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Changes to the recipe, e.g. training.max_steps=500."),
    ] = None,
    *,
    data: Annotated[
        list[Path], typer.Option("--data", metavar="COLLECTION", help="A labelled collection; repeatable.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="RUN", help="A new folder for the runs.")],
    init: Annotated[
        Path | None,
        typer.Option(
            "--init",
            metavar="MODEL",
            help="The model that provides the image encoder; random weights of model.image without it.",
        ),
    ] = None,
    fractions: Annotated[
        str | None,
        typer.Option(metavar="FRACTIONS", help="Fractions of the training patients, e.g. 0.01,0.1,1."),
    ] = None,
    repeats: Annotated[int, typer.Option(help="How often each fraction is drawn and trained.")] = 1,
    task: Annotated[
        str, typer.Option(help="The task that evaluates every model.", show_default=True)
    ] = "classification",
    metric: Annotated[
        str | None, typer.Option(help="The metric of the summary; by default the task's first headline.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on in --out where it was stopped.")] = False,
    trust_code: TrustCodeOfRun = False,
) -> None:
    """Fine-tune the image encoder of MODEL on the labels of each COLLECTION, and evaluate on the test split.

    How films are pooled, sized and normalised comes with the weights. Without --init the recipe names the
    encoder (model.image=...), and it starts from random weights: the baseline of every other start. With
    --fractions or --repeats there is a run for each fraction and repeat, RUN/fraction-0.01/repeat-0 and so
    on, with its results in RUN/results; of a recipe with stages, every stage sees that fraction, and the
    first starts from MODEL. RUN/summary.json holds the mean and spread of every fraction. A stopped command
    goes on with --resume.
    """
    from plainfilm.cli.console import console_progress
    from plainfilm.collection.collection import Collection
    from plainfilm.finetuning import Evaluation, finetune, table
    from plainfilm.training.distributed import rank, writing_together
    from plainfilm.training.run_folder import refuse_code_of_run
    from plainfilm.training.stages import load_stages

    if not trust_code:
        refuse_code_of_run(recipe, out)
    grid = _fraction_grid(fractions, repeats)
    with writing_together(out):
        summary = finetune(
            load_stages(recipe, overrides or (), init, trust_code=trust_code),
            [Collection.open(path) for path in data],
            out,
            grid,
            evaluation=Evaluation(task, metric),
            resume=resume,
            progress=console_progress(),
            trust_code=trust_code,
        )
    if rank() == 0:
        sys.stdout.writelines(f"{line}\n" for line in table(summary))


def _fraction_grid(fractions: str | None, repeats: int) -> FractionGrid | None:
    from plainfilm.finetuning import FractionGrid

    if fractions is None and repeats == 1:
        return None
    return FractionGrid.read(fractions or "1", repeats)
