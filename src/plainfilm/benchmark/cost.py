"""What a model costs: parameters, and seconds for a film, measured on films of a collection."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from plainfilm.collection import Collection
from plainfilm.predictor import Predictor

_FILMS = 8


@dataclass(frozen=True)
class Cost:
    """parameters: of the whole model. seconds: of one film alone, read from its file and encoded, the median
    of `films` films in turn after a first one."""

    parameters: int
    seconds: float
    films: int


def measure(predictor: Predictor, collection: Collection) -> Cost:
    """The cost on the first films of `collection`, here and now: other work on the machine is in it."""
    images = collection.table("images").slice(0, _FILMS)["path"].to_pylist()
    paths = [collection.path / path for path in images]
    predictor.encode_film(paths[0])
    taken = []
    for path in paths:
        begun = time.perf_counter()
        predictor.encode_film(path)
        taken.append(time.perf_counter() - begun)
    return Cost(predictor.parameters, float(np.median(taken)), len(paths))
