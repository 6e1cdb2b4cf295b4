"""One class of several per film: the class whose positive ensemble is closest (CheXpert 5x200)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.errors import DataError
from plainfilm.metrics.classification import argmax_credit
from plainfilm.metrics.scores import Score, Terms, terms
from plainfilm.tasks.prompting.deciding import Floats
from plainfilm.tasks.prompting.films import Films

GROUP = "multiclass"


@dataclass(frozen=True)
class Exclusive:
    """The films of exactly one positive class: which one, (N,); the others are only counted."""

    films: Films
    classes: NDArray[np.int64]
    none: int
    several: int


def exclusive(films: Films) -> Exclusive:
    """Keeps the films that have one positive of the classes asked about.

    Raises:
        DataError: no film has.
    """
    positives = (films.positive & films.known).sum(axis=1)
    kept = positives == 1
    if not kept.any():
        raise DataError(
            f"no film has exactly one positive class of those asked about ({len(films)} films); name the "
            "classes with observations=, or leave mode=multiclass out"
        )
    part = films.part(kept)
    classes = (part.positive & part.known).argmax(axis=1)
    return Exclusive(part, classes, int((positives == 0).sum()), int((positives > 1).sum()))


def accuracy_scores(observations: Sequence[str]) -> list[Score]:
    """Accuracy over all films, its mean over the classes, and that of each class."""
    parts = tuple(f"class/{name}" for name in observations)
    single = [
        Score(f"accuracy/{name}", "ratio", (part,)) for name, part in zip(observations, parts, strict=True)
    ]
    return [Score("accuracy", "ratio", ("all",)), Score("accuracy_macro", "mean", parts), *single]


def accuracy_terms(credit: Floats, classes: NDArray[np.int64], observations: Sequence[str]) -> Terms:
    """Terms of `accuracy_scores`: credit (N,), the share of a right answer that each film got."""
    found = {"all": terms(credit)}
    for place, name in enumerate(observations):
        mine = (classes == place).astype(np.float64)
        found[f"class/{name}"] = terms(credit * mine, mine)
    return found


def all_terms(
    scores: Floats, classes: NDArray[np.int64], observations: Sequence[str]
) -> tuple[Terms, Mapping[str, Terms]]:
    """Terms of the model (scores (N, C)) and of the baselines: a random class, and always the commonest."""
    common = int(np.bincount(classes, minlength=len(observations)).argmax())
    shares = {
        "random": np.full(len(classes), 1.0 / len(observations)),
        "majority": (classes == common).astype(np.float64),
    }
    mine = accuracy_terms(argmax_credit(scores, classes), classes, observations)
    return mine, {name: accuracy_terms(credit, classes, observations) for name, credit in shares.items()}


def predictions_table(found: Exclusive, scores: Floats, observations: Sequence[str]) -> pd.DataFrame:
    """One row per film: its class, the class said, and the score of each."""
    names = np.array(observations, dtype=object)
    frame = found.films.frame
    table = pd.DataFrame(
        {
            "query_id": frame["image_id"].to_numpy(dtype=str),
            "study_id": frame["study_id"].to_numpy(dtype=str),
            "patient_id": frame["patient_id"].to_numpy(dtype=str),
            "class": names[found.classes],
            "said": names[scores.argmax(axis=1)],
        }
    )
    for place, name in enumerate(observations):
        table[f"score:{name}"] = scores[:, place].astype(np.float32)
    return table
