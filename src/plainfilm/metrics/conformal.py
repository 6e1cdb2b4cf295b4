"""Conformal sets: sets of labels that contain the truth with a chosen probability, for abstention.

Split conformal prediction, by class (Vovk, Gammerman and Shafer 2005; Vovk 2012, "Conditional validity of
inductive conformal predictors"). On data outside training, find for each class the score beyond which all but
a share `miss` of that class lie; a new image's set has every label whose class is plausible at its score. For
images like those of the fit, the positives' sets contain "positive" with a probability of at least 1 -
`miss`, and the negatives' sets "negative", whatever the quality of the model. A set of both labels or of
neither means that the score is inconclusive: abstain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Bounds:
    """The ranges of plausible labels: "positive" from `positive_from`, "negative" up to `negative_to`.

    Infinite if the class has too few images for a bound: its label is then always in the set.
    """

    positive_from: float
    negative_to: float

    def holds(self, scores: ArrayLike) -> NDArray[np.bool_]:
        """Whether the set of each score (...) contains "negative" and "positive": (..., 2)."""
        values = np.asarray(scores, dtype=np.float64)
        return np.stack([values <= self.negative_to, values >= self.positive_from], axis=-1)

    def abstains(self, scores: ArrayLike) -> NDArray[np.bool_]:
        """True if both labels or neither are in the set."""
        held = self.holds(scores)
        return held[..., 0] == held[..., 1]


def fit_bounds(scores: ArrayLike, truth: ArrayLike, miss: float = 0.1) -> Bounds:
    """The bounds from N scores (higher is more positive) with known `truth` (N,).

    miss: the largest share of each class outside its sets, between 0 and 1.
    """
    values, positive = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=bool)
    return Bounds(-_quantile(-values[positive], miss), _quantile(values[~positive], miss))


def _quantile(strangeness: NDArray[np.float64], miss: float) -> float:
    """The ceil((n + 1)(1 - miss))-th smallest of n values; infinite if there are fewer."""
    # Rounded first: (9 + 1) * (1 - 0.1) is a little more than 9 in floating point.
    place = math.ceil(round((len(strangeness) + 1) * (1.0 - miss), 9))
    if place > len(strangeness):
        return math.inf
    return float(np.partition(strangeness, place - 1)[place - 1])
