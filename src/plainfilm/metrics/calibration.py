"""Calibration of probabilities: Brier score, expected calibration error, and recalibration.

Expected calibration error is the mean distance, over bins of the predictions, between predicted and observed
frequency, weighted by the bins' sizes (Naeini et al. 2015). Bins of equal mass hold equally many predictions,
with ties kept together; bins of equal width divide 0 to 1. The error depends on the binning, so it is always
stated. It is biased upwards on few items: compare it with that of a baseline on the same ones.

Recalibration is fitted on data that are not evaluated: one temperature (Guo et al. 2017), or a slope and a
bias per observation (Platt 1999, with his smoothed targets, so that the fit converges for separable data).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from plainfilm.metrics.bootstrap import Floats, Interval, PatientBootstrap

Binning = Literal["mass", "width"]

BINS = 15
_SCALE_RANGE = (1e-4, 1e4)
_STEPS = 100


@dataclass(frozen=True)
class Reliability:
    """Per non-empty bin: mean prediction, share of positives and count; all (B,)."""

    predicted: Floats
    observed: Floats
    count: NDArray[np.int64]


@dataclass(frozen=True)
class Platt:
    """The probability of a score is sigmoid(slope * score + bias); `slope` is never negative."""

    slope: float
    bias: float

    def probability(self, scores: ArrayLike) -> Floats:
        """Probabilities of `scores`, of the same shape."""
        return sigmoid(self.slope * np.asarray(scores, dtype=np.float64) + self.bias)


def sigmoid(values: ArrayLike) -> Floats:
    """1 / (1 + exp(-x)) without overflow."""
    numbers = np.asarray(values, dtype=np.float64)
    small = np.exp(-np.abs(numbers))
    return np.where(numbers >= 0, 1.0 / (1.0 + small), small / (1.0 + small))


def brier(probability: ArrayLike, truth: ArrayLike) -> float:
    """Mean squared difference of N probabilities that are numbers and truths (Brier 1950); NaN for none."""
    values, happened = _known(probability, truth)
    errors = (values - happened) ** 2
    return float(errors.mean()) if errors.size else float("nan")


def _known(probability: ArrayLike, truth: ArrayLike) -> tuple[Floats, Floats]:
    """Probabilities and truths as numbers, where the probability is one."""
    values, happened = np.asarray(probability, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    known = ~np.isnan(values)
    return values[known], happened[known]


def bin_of(probability: ArrayLike, binning: Binning = "mass", bins: int = BINS) -> NDArray[np.int64]:
    """The bin (N,) of each probability, from 0; ties share a bin."""
    values = np.asarray(probability, dtype=np.float64)
    if binning == "width":
        return np.minimum((values * bins).astype(np.int64), bins - 1)
    below = np.searchsorted(np.sort(values), values, side="left")
    return below * bins // max(len(values), 1)


def reliability(
    probability: ArrayLike, truth: ArrayLike, binning: Binning = "mass", bins: int = BINS
) -> Reliability:
    """Predicted against observed frequencies by bin; probabilities of NaN do not count."""
    values, happened = _known(probability, truth)
    places = bin_of(values, binning, bins)
    count = np.bincount(places, minlength=bins)
    kept = count > 0
    predicted = np.bincount(places, values, minlength=bins)[kept] / count[kept]
    observed = np.bincount(places, happened, minlength=bins)[kept] / count[kept]
    return Reliability(predicted, observed, count[kept])


def expected_calibration_error(
    probability: ArrayLike, truth: ArrayLike, binning: Binning = "mass", bins: int = BINS
) -> float:
    """Mean distance between predicted and observed over the bins; NaN for no items.

    >>> round(expected_calibration_error([0.2, 0.2, 0.8, 0.8], [0, 0, 1, 1], "width"), 6)
    0.2
    """
    curve = reliability(probability, truth, binning, bins)
    total = curve.count.sum()
    gaps = np.abs(curve.predicted - curve.observed) * curve.count
    return float(gaps.sum() / total) if total else float("nan")


def calibration_interval(
    probabilities: Floats,
    truth: ArrayLike,
    known: ArrayLike,
    bootstrap: PatientBootstrap,
    binning: Binning = "mass",
    bins: int = BINS,
) -> list[Interval]:
    """Intervals of the calibration error of C columns (N, C), then of their mean, as C + 1 intervals.

    truth, known: (N, C); unknown items and probabilities of NaN do not count. All resamples use the bins of
    all items.
    """
    happened, counts = np.asarray(truth, dtype=bool), np.asarray(known, dtype=bool)
    counts = counts & ~np.isnan(probabilities)
    columns = len(counts.T)
    own = np.full((len(counts), columns), -1, dtype=np.int16)
    for column, known_here in enumerate(counts.T):
        own[known_here, column] = bin_of(probabilities[known_here, column], binning, bins)

    def addends(items: NDArray[np.int64]) -> Floats:
        """(n, C, bins + 1): the excess of prediction over truth in its bin, and 1 if it counts."""
        sums = np.zeros((len(items), columns, bins + 1))
        rows, counted = np.nonzero(own[items] >= 0)
        cells = items[rows], counted
        sums[rows, counted, own[cells]] = probabilities[cells] - happened[cells]
        sums[rows, counted, bins] = 1.0
        return sums

    def errors(drawn: Floats) -> Floats:
        total = drawn[:, :, bins]
        each = np.full(total.shape, np.nan)
        np.divide(np.abs(drawn[:, :, :bins]).sum(axis=-1), total, out=each, where=total > 0)
        there = np.isfinite(each)
        summed, parts = np.where(there, each, 0.0).sum(axis=1), there.sum(axis=1)
        mean = np.divide(summed, parts, out=np.full(summed.shape, np.nan), where=parts > 0)
        return np.concatenate([each, mean[:, None]], axis=1)

    return bootstrap.of_sums(addends, errors)


def fit_scale(scores: ArrayLike, truth: ArrayLike) -> float:
    """The factor of scores before a sigmoid with the greatest likelihood: 1 / temperature.

    It lies between 0.0001 (uninformative scores) and 10,000. The likelihood is concave in it, so bisection
    finds the zero of its slope.
    """
    values, happened = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=np.float64)
    low, high = np.log(_SCALE_RANGE)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        grows = float((values * (happened - sigmoid(np.exp(middle) * values))).sum()) > 0
        low, high = (middle, high) if grows else (low, middle)
    return float(np.exp((low + high) / 2))


def fit_platt(scores: ArrayLike, truth: ArrayLike) -> Platt | None:
    """Slope and bias by Newton's method (Lin, Lin and Weng 2007); `None` if one class is missing.

    A negative slope (reversed ranking) is replaced by 0: the probability is then the share of positives for
    every score.
    """
    values, positive = np.asarray(scores, dtype=np.float64), np.asarray(truth, dtype=bool)
    up, down = int(positive.sum()), int((~positive).sum())
    if not up or not down:
        return None
    targets = np.where(positive, (up + 1) / (up + 2), 1 / (down + 2))
    middle, spread = float(values.mean()), float(values.std())
    prior = Platt(0.0, float(np.log(targets.mean() / (1 - targets.mean()))))
    if spread == 0.0:
        return prior
    slope, bias = _newton((values - middle) / spread, targets, prior.bias)
    if slope <= 0.0:
        return prior
    return Platt(slope / spread, bias - slope * middle / spread)


def _newton(values: Floats, targets: Floats, bias: float) -> tuple[float, float]:
    """The slope and bias of least cross-entropy to `targets`; each step is halved until it is no worse."""
    design = np.stack([values, np.ones_like(values)], axis=1)
    parameters = np.array([0.0, bias])
    cost = _cross_entropy(design @ parameters, targets)
    for _ in range(_STEPS):
        predicted = sigmoid(design @ parameters)
        gradient = design.T @ (predicted - targets)
        curvature = (design * (predicted * (1 - predicted))[:, None]).T @ design + 1e-12 * np.eye(2)
        step = np.linalg.solve(curvature, gradient)
        while (new := _cross_entropy(design @ (parameters - step), targets)) > cost and np.abs(
            step
        ).max() > 1e-12:
            step = step / 2
        if np.abs(step).max() <= 1e-12 or new > cost:
            break
        parameters, cost = parameters - step, new
    return float(parameters[0]), float(parameters[1])


def _cross_entropy(logits: Floats, targets: Floats) -> float:
    return float((np.logaddexp(0.0, logits) - targets * logits).sum())
