"""Applies the tuning of a model to what it locates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from plainfilm.predictor.box_tuning import BoxTuning, prompt_score
from plainfilm.predictor.core import Core, Vectors
from plainfilm.predictor.films import EncodedFilm
from plainfilm.predictor.locate import FoundText
from plainfilm.predictor.regions import region_vectors
from plainfilm.predictor.texts import stream_texts


class BoxTuner:
    """The tuning of a model, or none."""

    def __init__(self, core: Core, tuning: BoxTuning | None) -> None:
        self.tuning = tuning
        self._core = core
        self._vectors: dict[str, Vectors] = {}

    def tuned(self, film: EncodedFilm, found: Sequence[FoundText]) -> list[FoundText]:
        """All boxes of each text after tuning, the best first."""
        if self.tuning is None:
            return list(found)
        tuned = []
        for one in found:
            boxes, scores = self.tuning.applied(one.text, one.boxes, self._scores(film, one), film.size)
            tuned.append(replace(one, boxes=boxes, scores=scores.astype(np.float32)))
        return tuned

    def found(self, one: FoundText) -> FoundText:
        """A text with those of its boxes that score at least the threshold."""
        if self.tuning is None or self.tuning.threshold is None:
            return one
        kept = one.scores >= self.tuning.threshold
        return replace(one, boxes=one.boxes[kept], scores=one.scores[kept])

    def _scores(self, film: EncodedFilm, one: FoundText) -> NDArray[np.float64]:
        own = one.scores.astype(np.float64)
        tuning = self.tuning
        denial = tuning.denial(one.text) if tuning else None
        if tuning is None or denial is None or not len(own):
            return own
        vectors = region_vectors(self._core, film, one.boxes)
        margins = vectors @ self._vector(one.text) - vectors @ self._vector(denial)
        return prompt_score(tuning.score, own, margins.astype(np.float64), tuning.temperature)

    def _vector(self, text: str) -> Vectors:
        if text not in self._vectors:
            self._vectors[text] = next(iter(stream_texts(self._core, [text])))[0]
        return self._vectors[text]
