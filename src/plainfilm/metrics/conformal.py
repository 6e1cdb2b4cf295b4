"""When not to answer: sets of labels that hold the truth as often as was asked for.

Split conformal prediction, by class (Vovk, Gammerman and Shafer 2005; Vovk 2012, "Conditional validity of
inductive conformal predictors"). On data that were not trained on, find per class the score beyond which all
but a share `miss` of that class lie; a new film's set holds every label whose class could well have its
score. For films like those it was fitted on, the positives' sets hold "positive" with a chance of at least
1 - `miss` and the negatives' sets hold "negative", whatever the model is worth. A set of both labels or of
none says that the score does not decide: abstain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Bounds:
    """Where labels stay plausible: "positive" from `positive_from` on, "negative" up to `negative_to`.

    Infinite where the class has too few films for any bound: its label is then always in the set.
    """

    positive_from: float
    negative_to: float

    def holds(self, scores: ArrayLike) -> NDArray[np.bool_]:
        """Whether the set of each score (...) holds "negative" and "positive": (..., 2)."""
        values = np.asarray(scores, dtype=np.float64)
        return np.stack([values <= self.negative_to, values >= self.positive_from], axis=-1)

    def abstains(self, scores: ArrayLike) -> NDArray[np.bool_]:
        """True where both labels or none are in the set."""
        held = self.holds(scores)
        return held[..., 0] == held[..., 1]


def fit_bounds(scores: ArrayLike, truth: ArrayLike, miss: float = 0.1) -> Bounds:
    """The bounds of N scores (higher is more positive) whose `truth` (N,) is known.

    miss: the share of each class that may lie outside, between 0 and 1.
    """
    values, positive = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=bool)
    return Bounds(-_quantile(-values[positive], miss), _quantile(values[~positive], miss))


def _quantile(strangeness: NDArray[np.float64], miss: float) -> float:
    """The ceil((n + 1)(1 - miss))-th smallest of n values; infinite where there are fewer."""
    # Rounded first: (9 + 1) * (1 - 0.1) is a little more than 9 in floating point.
    place = math.ceil(round((len(strangeness) + 1) * (1.0 - miss), 9))
    if place > len(strangeness):
        return math.inf
    return float(np.partition(strangeness, place - 1)[place - 1])
