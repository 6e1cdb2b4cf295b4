"""A task that Plainfilm does not know: boxes and sentences found on films, some of them wrong on purpose."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from plainfilm.collection import Collection
from plainfilm.config import Settings
from plainfilm.metrics.scores import count, ratio_statistics
from plainfilm.predictor import Predictor
from plainfilm.progress import SILENT, Progress
from plainfilm.seeding import generator
from plainfilm.tasks.base import (
    Example,
    Results,
    ShownBox,
    ShownImage,
    ShownLabel,
    ShownProbability,
    ShownSentence,
)
from plainfilm.tasks.scoring.measure import DescribedScore, Measured, Resampling, items_table, measure

NEEDS = ("locates",)
GROUP = "grounding"
SCORES = (
    DescribedScore("miou", "ratio", ("iou",), "mean overlap of boxes", "higher", headline=True),
    DescribedScore("centre_distance", "ratio", ("distance",), "distance of centres", "lower", headline=True),
    DescribedScore("found_at_0.5", "ratio", ("found",), "boxes found at 0.5", "higher"),
)


class Config(Settings):
    """shift: how far, in pixels, predicted boxes lie beside the true ones."""

    split: str = "test"
    shift: float = 4.0
    seed: int = 0


def run(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress = SILENT
) -> Results:
    """Every film has one true box; the predicted one lies `shift` pixels further right."""
    [collection] = collections
    studies = collection.frame("studies")
    images = collection.frame("images").merge(studies[["study_id", "patient_id", "split"]], on="study_id")
    images = images[images["split"] == config.split].reset_index(drop=True)
    left = generator(config.seed, "boxes").uniform(2, 20, len(images))
    side, shift = 24.0, config.shift
    overlap = max(0.0, side - shift) / (side + min(side, shift))
    values = {
        "iou": ratio_statistics(np.full(len(images), overlap) * left / left.mean()),
        "distance": ratio_statistics(np.full(len(images), shift)),
        "found": ratio_statistics(np.full(len(images), float(overlap >= 0.5))),
    }
    patients = images["patient_id"].to_numpy(dtype=str)
    trivial = {"whole_image": {"iou": ratio_statistics(np.full(len(images), 0.125))}}
    measured = Measured(GROUP, values, trivial, patients, heading="finding boxes")
    paths = [str(collection.image_path(path)) for path in images["path"]]
    return Results(
        task="grounding",
        model=predictor.name,
        collection=collection.name,
        split=config.split,
        n=len(images),
        protocol={"seed": config.seed, "split": config.split, "side": side},
        metrics=tuple(measure(measured, SCORES, Resampling(count, 100, config.seed))),
        predictions=pd.DataFrame({"query_id": images["image_id"], "patient_id": patients}),
        items=items_table(measured, images["image_id"].tolist()),
        must_match=("side",),
        examples=tuple(
            _example(images["image_id"][row], paths[row], float(left[row]), side, shift) for row in range(2)
        ),
        introduction="The first films.",
        legend={"agrees": "the box is right"},
    )


def _example(image_id: str, path: str, left: float, side: float, shift: float) -> Example:
    boxes = (
        ShownBox(left, 10, left + side, 10 + side, "Pleural Effusion", "truth"),
        ShownBox(left + shift, 10, left + shift + side, 10 + side, "Pleural Effusion", "prediction", 0.83),
        ShownBox(30, 40, 62, 68, "Edema <maybe>", "prediction", 0.21),
    )
    return Example(
        title=image_id,
        group="films",
        image=ShownImage(image_id, path, boxes),
        sentences=(
            ShownSentence("Large left pleural effusion.", "truth", boxes=(0,)),
            ShownSentence("There is an effusion & more.", "prediction", boxes=(1,), agreement="agrees"),
            ShownSentence("Edema.", "prediction", boxes=(2,), agreement="contradicts"),
            ShownSentence("No pneumothorax.", "prediction", agreement="open"),
        ),
        probabilities=(ShownProbability("Pleural Effusion", 0.83, True), ShownProbability("Edema", 0.21)),
        labels=(ShownLabel("Pleural Effusion", 1),),
    )
