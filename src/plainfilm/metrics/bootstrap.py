"""95 % intervals by resampling patients, for one model or the difference of two on the same items.

Items (queries, images) of one patient are not independent, so whole patients are drawn with replacement, and
every item counts as often as its patient was drawn (Efron's percentile interval). Nearly every score is a
function of sums over items, which needs one matrix product per block of resamples. Other scores (a median)
get the items' weights. Resamples are drawn in blocks, so memory does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plainfilm.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Weights = NDArray[np.floating[Any]]
Statistic = Callable[[Floats], Floats]
OfWeights = Callable[[Weights], Floats]
Groups = Union[Sequence[object], NDArray, "pd.Categorical[str]"]
"""The group of every item (N,): patients, as names or as numbers of names."""
Addends = Callable[[NDArray[np.int64]], Floats]
"""Items (n,) to what they add to sums (n, ...)."""

LEVEL = 0.95
LANES = 16
"""Resamples that are scored side by side: a cache line of weights per item."""
BLOCK_NUMBERS = 4_000_000
"""Numbers in one block of weights, 32 MB of float64, unless they are fewer than `LANES` resamples."""
PATIENTS = 4096
"""Patients whose items are added up together."""

_ROUNDING = 1e-12

ONE_PATIENT = "no interval: all items are of one patient"
NOT_COMPUTABLE = "not computable: nothing to divide by"


@dataclass(frozen=True)
class Interval:
    """A score with the bounds of its interval; `None` if not computable, with the reason in `note`.

    p: two-sided p-value of the score being 0, from the resamples on either side of 0 (Davison and Hinkley
    1997); of interest for a difference.
    """

    value: float | None
    low: float | None
    high: float | None
    note: str | None = None
    p: float | None = None


class PatientBootstrap:
    """Resamples of the patients in `groups` (one entry per item, N); the same for the same seed.

    One object serves all scores over the same items, so that they share the resamples. A pandas Categorical
    with sorted categories is not sorted again.
    """

    def __init__(self, groups: Groups, resamples: int = 1000, seed: int = 0) -> None:
        _, codes = np.unique(_in_order(groups), return_inverse=True)
        self.codes: NDArray[np.int64] = codes.astype(np.int64)
        self.patients = int(codes.max()) + 1 if len(codes) else 0
        self.resamples = resamples
        self.seed = seed

    def of_sums(self, counts: ArrayLike | Addends, statistic: Statistic) -> list[Interval]:
        """Intervals of scores that depend on sums over the items only.

        counts: (N, ...) the addend of each item, or a function of items (n,) to theirs (n, ...), which are
        then not in memory together. statistic: sums (R, ...) → (R,) or (R, M) scores, NaN for a score that
        cannot be computed. Returns M intervals (one for (R,)).
        """
        if callable(counts):
            per_patient, shape = self._per_patient(counts)
        else:
            values = np.asarray(counts, dtype=np.float64)
            per_patient, shape = self._per_patient(values.__getitem__)

        def score(weights: Floats) -> Floats:
            return statistic((weights @ per_patient).reshape(len(weights), *shape))

        return self._intervals(score)

    def _per_patient(self, addends: Addends) -> tuple[Floats, tuple[int, ...]]:
        """The sums (P, K) of the addends (n, ...) of every patient's items, and their shape (...)."""
        order = np.argsort(self.codes, kind="stable")
        starts = np.searchsorted(self.codes, np.arange(self.patients + 1), sorter=order)
        first = addends(order[:0])
        width = int(np.prod(first.shape[1:]))
        sums = np.empty((self.patients, width))
        for place in range(0, self.patients, PATIENTS):
            ends = starts[place : place + PATIENTS + 1]
            flat = addends(order[ends[0] : ends[-1]]).reshape(-1, width)
            sums[place : place + PATIENTS] = np.add.reduceat(flat, ends[:-1] - ends[0], axis=0)
        return sums, first.shape[1:]

    def of_weights(self, statistic: OfWeights) -> list[Interval]:
        """Intervals of any score: `statistic` takes item weights (R, N), whole numbers as float32, and
        returns (R,) or (R, M)."""
        return self._intervals(lambda weights: statistic(weights.astype(np.float32)[:, self.codes]))

    def difference(self, first: ArrayLike, second: ArrayLike, statistic: Statistic) -> list[Interval]:
        """Intervals of `statistic` of `first` minus that of `second`, both over the same items (paired)."""
        both = np.stack([np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)], axis=1)
        return self.of_sums(both, lambda sums: statistic(sums[:, 0]) - statistic(sums[:, 1]))

    def _intervals(self, score: Statistic) -> list[Interval]:
        value = _columns(score(np.ones((1, self.patients))))[0]
        if self.patients < 2:
            return [_interval(one, None) for one in value]
        drawn = np.concatenate([_columns(score(weights)) for weights in self._weights()])
        return [_interval(one, drawn[:, column]) for column, one in enumerate(value)]

    def _weights(self) -> Iterator[Floats]:
        random = generator(self.seed, "patient bootstrap")
        block = max(LANES, BLOCK_NUMBERS // max(1, self.patients, len(self.codes)))
        for start in range(0, self.resamples, block):
            rows = min(block, self.resamples - start)
            weights = np.empty((rows, self.patients))
            for row in range(rows):
                drawn = random.integers(0, self.patients, self.patients)
                weights[row] = np.bincount(drawn, minlength=self.patients)
            yield weights


def _in_order(groups: Groups) -> NDArray[Any]:
    """(N,) what is sorted as the names of the groups are: the names, or the numbers of sorted names."""
    # A pandas Categorical, known by its attributes: pandas is slow to import.
    categories, codes = (getattr(groups, name, None) for name in ("categories", "codes"))
    if categories is None or codes is None or not categories.is_monotonic_increasing:
        return np.asarray(groups).astype(str)
    return np.asarray(codes)


def _columns(scores: Floats) -> Floats:
    return scores[:, None] if scores.ndim == 1 else scores


def _interval(value: float, drawn: Floats | None) -> Interval:
    if not np.isfinite(value):
        return Interval(None, None, None, NOT_COMPUTABLE)
    if drawn is None:
        return Interval(float(value), None, None, ONE_PATIENT)
    usable = drawn[np.isfinite(drawn)]
    tail = 50.0 * (1.0 - LEVEL)
    low, high = np.percentile(usable, [tail, 100.0 - tail])
    lost = len(drawn) - len(usable)
    notes = [f"not computable in {lost} of {len(drawn)} resamples, which were left out"] if lost else []
    # Repeated items inflate average precision and calibration error, with few items beyond the value.
    if value < low - _ROUNDING or value > high + _ROUNDING:
        notes.append("resamples are biased: the interval is extended to include the value")
    beyond = 1 + min((usable <= 0).sum(), (usable >= 0).sum())
    p = min(1.0, 2.0 * float(beyond) / (1 + len(usable)))
    return Interval(
        float(value), float(min(low, value)), float(max(high, value)), "; ".join(notes) or None, p
    )


def weighted_median(values: ArrayLike, weights: Weights) -> Floats:
    """The median of `values` (N,) under each row of integer `weights` (R, N): (R,), NaN if all are 0.

    An item of weight w counts as w equal items; the median of an even number is the mean of the middle two.
    """
    numbers = np.asarray(values, dtype=np.float64)
    order = np.argsort(numbers, kind="stable")
    cumulative = np.cumsum(weights[:, order], axis=1, dtype=np.float64)
    total = cumulative[:, -1:] if numbers.size else np.zeros((len(weights), 1))
    if not numbers.size:
        return np.full(len(weights), np.nan)
    lower = (cumulative < np.floor((total + 1) / 2)).sum(axis=1)
    upper = (cumulative < np.floor((total + 2) / 2)).sum(axis=1)
    last = numbers.size - 1
    middle = (numbers[order][np.minimum(lower, last)] + numbers[order][np.minimum(upper, last)]) / 2
    return np.where(total[:, 0] > 0, middle, np.nan)
