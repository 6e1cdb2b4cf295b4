"""Logistic regression with an L2 penalty, solved to convergence: many labels on one set of features.

For each label the minimum of

    sum over films of log(1 + exp(-y (w·x + b))) + penalty/2 |w|²

with y of ±1 and the features x standardised over the training films: what scikit-learn solves behind a
`StandardScaler` with C = 1/penalty. The minimum is unique, so nothing depends on a start, an order of the
films or a number of epochs. The solver is Newton's method; each step is found by conjugate gradients, for
all labels at once, in double precision.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plainfilm.errors import DataError
from plainfilm.metrics.calibration import sigmoid

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]
Mask = NDArray[np.bool_]

BLOCK = 4096
"""Films whose features are widened at a time."""
EXAMPLES = 4
"""Films, as a multiple of the features, that suffice to tell along which axes features vary."""
NEWTON_STEPS, CONJUGATE_STEPS, HALVINGS = 60, 500, 40
LAST_STEP = 1e-4
"""The search ends with a Newton step that moves no weight by more, relative to the largest; what is then left
is about its square and a hundredth of it."""
RESIDUAL = 1e-2
"""What a Newton step may leave unsolved, relative to the gradient."""


@dataclass(frozen=True)
class Linear:
    """weights (F, C) and bias (C,) of features as they come, not standardised."""

    weights: Floats
    bias: Floats

    def logits(self, features: Vectors) -> Floats:
        """(N, C) of features (N, F): above 0 where a label is likelier than not."""
        return np.concatenate([np.empty((0, len(self.bias))), *_products(features, self.weights)]) + self.bias


def fit_path(
    features: Vectors, positive: Mask, known: Mask, penalties: Sequence[float]
) -> dict[float, Linear]:
    """The regressions of C labels for each penalty.

    features: (N, F). positive, known: (N, C); a film that is not known does not count for that label. Each
    label needs films of both classes.

    Raises:
        DataError: no convergence, with what to do.
    """
    design = _Design(features)
    weights = np.zeros((design.turned.shape[1] + 1, positive.shape[1]))
    weights[-1] = np.log((positive & known).sum(axis=0) / (~positive & known).sum(axis=0))
    found: dict[float, Linear] = {}
    for penalty in sorted(penalties, reverse=True):  # from the strongest: each solution starts the next
        weights = _solve(design, np.where(positive, 1.0, -1.0), known.astype(np.float64), penalty, weights)
        found[penalty] = design.linear(weights)
    return found


class _Design:
    """Features as the solver sees them: standardised, turned to their principal axes, a constant 1 as last.

    The penalty does not care how features are turned, and turned so their correlations are gone: few
    conjugate steps suffice. Where there are fewer films N than features F, there are only R = N axes.
    """

    def __init__(self, features: Vectors) -> None:
        count, width = features.shape
        self.mean: Floats = np.sum([block.sum(axis=0) for block in _blocks(features)], axis=0) / count
        squares = np.sum([((block - self.mean) ** 2).sum(axis=0) for block in _blocks(features)], axis=0)
        spread = np.sqrt(squares / count)
        varied = spread > np.finfo(np.float32).eps * np.abs(self.mean)
        self.inverse: Floats = np.where(varied, 1.0 / np.where(varied, spread, 1.0), 0.0)
        some = self._standard(features[:: max(1, count // (EXAMPLES * width))])
        self.values, self.axes = _few_axes(some) if count < width else _all_axes(some)
        self.turned: Floats = np.concatenate(
            [self._standard(block) @ self.axes for block in _blocks(features)]
        )

    def times(self, weights: Floats) -> Floats:
        """The features times weights (R + 1, C): (N, C)."""
        return self.turned @ weights[:-1] + weights[-1]

    def transposed(self, values: Floats) -> Floats:
        """The features, transposed, times values (N, C): (R + 1, C)."""
        return np.vstack([self.turned.T @ values, values.sum(axis=0)])

    def linear(self, weights: Floats) -> Linear:
        """The same function of features as they come."""
        own = (self.axes @ weights[:-1]) * self.inverse[:, None]
        return Linear(own, weights[-1] - self.mean @ own)

    def _standard(self, features: Vectors | Floats) -> Floats:
        return (features.astype(np.float64) - self.mean) * self.inverse


def _all_axes(features: Floats) -> tuple[Floats, Floats]:
    """Variances (F,) along principal axes (F, F)."""
    values, axes = np.linalg.eigh(features.T @ features / len(features))
    return np.maximum(values, 0.0), axes


def _few_axes(features: Floats) -> tuple[Floats, Floats]:
    """Variances (R,) along the principal axes (F, R) that fewer films than features span."""
    values, films = np.linalg.eigh(features @ features.T / len(features))
    spanned = values > 1e-12 * max(float(values[-1]), 1e-300)
    values, films = values[spanned], films[:, spanned]
    return values, features.T @ films / np.sqrt(len(features) * values)


def _solve(design: _Design, signs: Floats, known: Floats, penalty: float, start: Floats) -> Floats:
    """The minima (R + 1, C) for `signs` (N, C) of ±1 and weights `known` (N, C) of 0 and 1."""
    weights = start.copy()
    penalties = np.append(np.full(len(weights) - 1, penalty), 0.0)[:, None]
    logits = design.times(weights)

    def loss(at: Floats, logits: Floats) -> Floats:
        fit = (known * np.logaddexp(0.0, -signs * logits)).sum(axis=0)
        return fit + 0.5 * (penalties * at**2).sum(axis=0)

    for _ in range(NEWTON_STEPS):
        chance = sigmoid(logits)
        gradient = design.transposed(known * (chance - (signs > 0))) + penalties * weights
        step = _newton_step(design, known * chance * (1.0 - chance), gradient, penalties)
        moved = design.times(step)
        length = _step_length(loss, weights, logits, step, moved)
        weights, logits = weights + length * step, logits + length * moved
        if (np.abs(step).max(axis=0) <= LAST_STEP * (1.0 + np.abs(weights).max(axis=0))).all():
            return weights
    raise DataError(f"linear probe: no convergence with penalty {penalty:g}; leave so weak a penalty out")


def _step_length(loss, weights, logits, step, moved) -> Floats:  # type: ignore[no-untyped-def]
    """Per label 1, or as often halved as it takes for the loss not to rise."""
    length = np.ones(weights.shape[1])
    before = loss(weights, logits)
    slack = 1e-12 * (1.0 + np.abs(before))
    for _ in range(HALVINGS):
        rises = loss(weights + length * step, logits + length * moved) > before + slack
        if not rises.any():
            return length
        length = np.where(rises, length / 2, length)
    return length


def _newton_step(design: _Design, curvature: Floats, gradient: Floats, penalties: Floats) -> Floats:
    """Solves (X' diag(curvature) X + penalties) step = -gradient for each label by conjugate gradients.

    They are preconditioned with the matrix that it would be if all films of a label were equally curved.
    """
    total = curvature.sum(axis=0)
    scale = np.vstack([design.values[:, None] * total, np.maximum(total, np.finfo(np.float64).tiny)])
    scale += penalties
    step, residual = np.zeros_like(gradient), -gradient
    better = residual / scale
    direction, size = better, (residual * better).sum(axis=0)
    goal = size * RESIDUAL**2
    for _ in range(CONJUGATE_STEPS):
        product = design.transposed(curvature * design.times(direction)) + penalties * direction
        bend = (direction * product).sum(axis=0)
        length = np.divide(size, bend, out=np.zeros_like(size), where=bend > 0)
        step, residual = step + length * direction, residual - length * product
        better = residual / scale
        new = (residual * better).sum(axis=0)
        if (new <= goal).all():
            break
        direction = better + np.divide(new, size, out=np.zeros_like(size), where=size > 0) * direction
        size = new
    return step


def _blocks(features: Vectors) -> Iterator[Floats]:
    for start in range(0, len(features), BLOCK):
        yield features[start : start + BLOCK].astype(np.float64)


def _products(features: Vectors, weights: Floats) -> Iterator[Floats]:
    for block in _blocks(features):
        yield block @ weights
