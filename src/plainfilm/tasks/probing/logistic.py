"""Logistic regression with an L2 penalty, one per label, on features standardised over the training images.

For each label scikit-learn finds the minimum of

    sum over images of log(1 + exp(-y (w·x + b))) + penalty/2 |w|²

with y of ±1 and standardised features x; its C is 1/penalty. The minimum is unique, so it does not depend on
a start, an order of the images or a number of epochs.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plainfilm.errors import DataError

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]
Mask = NDArray[np.bool_]

BLOCK = 4096
"""Images whose features are converted to float64 at a time."""
NEWTON_FEATURES = 256
"""Up to this many features (or images, if these are fewer) Newton's method is faster; beyond, L-BFGS."""
NEWTON, LBFGS = ("newton-cholesky", 1e-6), ("lbfgs", 1e-8)
"""Solvers with the largest final gradient of the mean loss. Both leave errors of about 1e-4 in a logit;
L-BFGS does not converge quadratically and needs a smaller gradient for this."""
ITERATIONS = 10_000


@dataclass(frozen=True)
class Linear:
    """weights (F, C) and bias (C,) for the original features, not the standardised ones."""

    weights: Floats
    bias: Floats

    def logits(self, features: Vectors) -> Floats:
        """(N, C) of features (N, F): above 0 if a label is more likely than not."""
        products = (block @ self.weights for block in _blocks(features))
        return np.concatenate([np.empty((0, len(self.bias))), *products]) + self.bias


def fit_path(
    features: Vectors, positive: Mask, known: Mask, penalties: Sequence[float]
) -> dict[float, Linear]:
    """The regressions of C labels for each penalty.

    features: (N, F). positive, known: (N, C); images with an unknown label are left out for that label. Each
    label needs images of both classes.

    Raises:
        DataError: no convergence; the message has a remedy.
    """
    mean, inverse = _standardisation(features)
    standard = features.astype(np.float64)
    standard -= mean
    standard *= inverse
    axes = _axes(standard) if len(standard) < standard.shape[1] else None
    standard = standard if axes is None else standard @ axes
    labels = [
        _path(standard, positive[:, column], known[:, column], penalties)
        for column in range(positive.shape[1])
    ]
    path: dict[float, Linear] = {}
    for penalty in penalties:
        weights = np.stack([own[penalty][:-1] for own in labels], axis=1)
        weights = (weights if axes is None else axes @ weights) * inverse[:, None]
        bias = np.array([own[penalty][-1] for own in labels]) - mean @ weights
        path[penalty] = Linear(weights, bias)
    return path


def _path(standard: Floats, positive: Mask, known: Mask, penalties: Sequence[float]) -> dict[float, Floats]:
    """Weights and, as last element, the bias of one label (F + 1,) for each penalty."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    rows = slice(None) if known.all() else known
    own, truth = standard[rows], positive[rows]
    name, tolerance = NEWTON if standard.shape[1] <= NEWTON_FEATURES else LBFGS
    solver = LogisticRegression(solver=name, tol=tolerance, max_iter=ITERATIONS, warm_start=True)
    path = {}
    for penalty in sorted(penalties, reverse=True):  # strongest first: each solution is the next start
        solver.set_params(C=1.0 / penalty)
        with warnings.catch_warnings():
            # Newton's method warns when it uses L-BFGS for a step; the solution is the same.
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", ConvergenceWarning)
            try:
                solver.fit(own, truth)
            except ConvergenceWarning:
                raise DataError(
                    f"linear probe: no convergence with penalty {penalty:g}; leave this weak penalty out"
                ) from None
        path[penalty] = np.append(solver.coef_[0], solver.intercept_)
    return path


def _standardisation(features: Vectors) -> tuple[Floats, Floats]:
    """Mean (F,) of each feature, and 1 / its standard deviation (F,); 0 for a constant feature."""
    count = len(features)
    mean: Floats = np.sum([block.sum(axis=0) for block in _blocks(features)], axis=0) / count
    squares = np.sum([((block - mean) ** 2).sum(axis=0) for block in _blocks(features)], axis=0)
    spread = np.sqrt(squares / count)
    varied = spread > np.finfo(np.float32).eps * np.abs(mean)
    return mean, np.where(varied, 1.0 / np.where(varied, spread, 1.0), 0.0)


def _axes(standard: Floats) -> Floats:
    """Orthonormal axes (F, R), R <= N, of the span of fewer images N than features F.

    The solution lies within them and the penalty is the same along them, so R numbers are solved for, not F.
    """
    values, films = np.linalg.eigh(standard @ standard.T)
    spanned = values > 1e-12 * max(float(values[-1]), 1e-300)
    axes: Floats = standard.T @ films[:, spanned] / np.sqrt(values[spanned])
    return axes


def _blocks(features: Vectors) -> Iterator[Floats]:
    for start in range(0, len(features), BLOCK):
        yield features[start : start + BLOCK].astype(np.float64)
