"""`plainfilm tune`: tune the boxes of a model on validation films."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from plainfilm.cli.options import TrustCode
from plainfilm.errors import UsageError

KEPT = "the model is unchanged; repeat the command"
"""What Ctrl-C leaves behind, and how to go on."""


def command(
    model: Annotated[Path, typer.Argument(help="Folder of a model that locates phrases.")],
    collections: Annotated[
        list[str], typer.Argument(metavar="COLLECTION... [KEY=VALUE...]", help="Collections, then options.")
    ],
    split: Annotated[str, typer.Option(help="Split to tune on.")] = "validation",
    trust_code: TrustCode = False,
) -> None:
    """Fit sizes, overlap and scores of boxes, their calibration, and when nothing is found.

    The result is saved in the model folder, and every later answer and evaluation of the model follows it.
    Options are classes=, wording= and criterion=.
    """
    from plainfilm.cli.console import console_progress
    from plainfilm.collection import Collection
    from plainfilm.config import build, override
    from plainfilm.model_folder import writing_beside
    from plainfilm.predictor import load
    from plainfilm.predictor.box_tuning import write_box_tuning
    from plainfilm.tasks.locating.tuning import Config, tune_boxes

    paths = [word for word in collections if "=" not in word or Path(word).exists()]
    options = [word for word in collections if word not in paths]
    if not paths:
        raise UsageError("tune: name at least one collection before the options")
    config = build(Config, override({"split": split}, options), "tune")
    opened = [Collection.open(path) for path in paths]
    with writing_beside(model):
        predictor = load(model, trust_code=trust_code)
        tuned = tune_boxes(predictor, opened, config, console_progress())
        path = write_box_tuning(model, tuned.tuning)
    own = tuned.tuning
    sys.stdout.write(f"{tuned.films} films of split '{config.split}'\n")
    sys.stdout.write(f"mAP on these films: {tuned.before:.3f} before, {tuned.after:.3f} after\n")
    sys.stdout.write(f"size of boxes of phrases: {own.scale:g}; of classes{_listed(own.scales)}\n")
    rule = own.score if own.score != "both" else f"both, temperature {own.temperature:g}"
    sys.stdout.write(f"scores by: {rule}; overlap at most: {own.overlap or 'any'}\n")
    threshold = "none" if own.threshold is None else f"{own.threshold:.3f}"
    sys.stdout.write(f"nothing is found below: {threshold}\n{path}\n")


def _listed(scales: dict[str, float]) -> str:
    return ",".join(f" {prompt} {scale:g}" for prompt, scale in sorted(scales.items())) or " the same"
