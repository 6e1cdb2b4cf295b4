"""`plainfilm evaluate`: evaluate a model on collections with a task."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer

from plainfilm.cli.options import Ray, TrustCode
from plainfilm.errors import UsageError
from plainfilm.plugins import names

KEPT = "no results were written, earlier ones are unchanged; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    task: Annotated[str, typer.Argument(help=f"{', '.join(names('task'))}, or a .py file of your own.")],
    model: Annotated[Path, typer.Argument(help="Folder of a model.")],
    collections: Annotated[
        list[str], typer.Argument(metavar="COLLECTION... [KEY=VALUE...]", help="Collections, then options.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the results.")],
    split: Annotated[str, typer.Option(help="Split to evaluate on.")] = "test",
    ray: Ray = None,
    trust_code: TrustCode = False,
) -> None:
    """Evaluate a model; writes metrics with intervals, raw predictions, figures and a page.

    Options of the task follow the collections as KEY=VALUE, e.g. k=5 or text_rule=impression.
    """
    from plainfilm.cli.console import console_progress
    from plainfilm.collection import Collection
    from plainfilm.config import build, override
    from plainfilm.io.manifest import changing
    from plainfilm.results import write
    from plainfilm.results.reading import META
    from plainfilm.results.text import DIRECTIONS_EXPLAINED, lines
    from plainfilm.tasks.base import evaluate
    from plainfilm.tasks.base import task as task_called

    paths = [word for word in collections if "=" not in word or Path(word).exists()]
    options = [word for word in collections if word not in paths]
    if not paths:
        raise UsageError("evaluate: name at least one collection before the options")
    module = task_called(task)
    config = build(module.Config, override({"split": split}, options), f"task {task}")
    opened = [Collection.open(path) for path in paths]
    from plainfilm.model_folder import writing_beside
    from plainfilm.predictor import load

    saves = getattr(config, "save_operating_points", False) and model.is_dir()
    with changing(out, META), writing_beside(model) if saves else nullcontext():
        progress = console_progress()
        predictor = load(model, trust_code=trust_code, ray=ray, progress=progress)
        results = evaluate(module, predictor, opened, config, progress)
        write(results, out)
    sys.stdout.writelines(f"{line}\n" for line in (*lines(results.headline), DIRECTIONS_EXPLAINED))
    sys.stdout.write(f"{out / 'index.html'}\n")
