"""`plainfilm benchmark`: many models, many collections, the tasks that each can do, one table."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from plainfilm.cli.options import TrustCode
from plainfilm.errors import UsageError

KEPT = "what was evaluated is kept; repeat the command to go on"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    models: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL... [TASK.KEY=VALUE...]",
            help="Models, then options of tasks, and RECIPE.KEY=VALUE for the recipe of --finetune.",
        ),
    ],
    data: Annotated[list[Path], typer.Option(help="A collection; give the option again for each one.")],
    out: Annotated[Path, typer.Option(help="Folder of the table, the page and all results.")],
    task: Annotated[
        list[str] | None,
        typer.Option(help="A task; give the option again for each one. By default all that a model can do."),
    ] = None,
    split: Annotated[str, typer.Option(help="Split to evaluate on.")] = "test",
    finetune: Annotated[
        str | None,
        typer.Option(
            metavar="RECIPE",
            help="Also fine-tune every model with this recipe, as finetune does: finetune-benchx, "
            "finetune-linear, finetune-full or a YAML file.",
        ),
    ] = None,
    fractions: Annotated[
        str, typer.Option(metavar="FRACTIONS", help="With --finetune: fractions of the training patients.")
    ] = "1",
    repeats: Annotated[
        int, typer.Option(help="With --finetune: how often each fraction is drawn and trained.")
    ] = 1,
    resamples: Annotated[int, typer.Option(min=100, help="Resamples of the intervals.")] = 1000,
    seed: Annotated[int, typer.Option(help="Seed of resamples and draws.")] = 0,
    trust_code: TrustCode = False,
) -> None:
    """Evaluate many models on many collections; writes one table with intervals, ranks and paired tests.

    Patients that a model was trained on are looked for before anything is scored. A second run evaluates only
    what is new. With --finetune every model is also fine-tuned with one set of settings on each collection,
    and evaluated on its test split.
    """
    from plainfilm.benchmark import cells, report, scores
    from plainfilm.benchmark.finetuned import FineTuning, finetuned
    from plainfilm.cli.console import console_progress
    from plainfilm.finetuning import FractionGrid
    from plainfilm.io.manifest import changing
    from plainfilm.predictor import load

    paths = [word for word in models if "=" not in word or Path(word).exists()]
    options = [word for word in models if word not in paths]
    if not paths:
        raise UsageError("benchmark: name at least one model before the options")
    wanted, overrides = None, []
    if finetune is not None:
        own = f"{Path(finetune).stem}."
        overrides = [option for option in options if option.startswith(own)]
        changes = tuple(option.removeprefix(own) for option in overrides)
        wanted = FineTuning(finetune, changes, FractionGrid.read(fractions, repeats), trust_code)
        wanted.check(split)
    plan = cells.plan(
        [Path(path) for path in paths], data, task or (), [one for one in options if one not in overrides],
        split=split, resamples=resamples, seed=seed,
    )  # fmt: skip
    progress = console_progress()
    further = {} if wanted is None else {"further": partial(finetuned, wanted, plan, out, progress)}
    with changing(out, report.META):
        entries, found = cells.run(
            plan, out, lambda path: load(path, trust_code=trust_code), progress, **further
        )
        rows = scores.rows([entry.name for entry in entries], found)
        report.write(entries, found, rows, out)
    sys.stdout.writelines(f"{line}\n" for line in report.as_lines(entries, found, rows))
    sys.stdout.write(f"{out / 'index.html'}\n")
