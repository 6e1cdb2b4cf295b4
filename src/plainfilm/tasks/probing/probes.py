"""Probes on fractions of the training films: their images, penalty, threshold, and predictions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from plainfilm.batches.label_fractions import in_fraction, patient_places
from plainfilm.metrics.classification import Criterion, best_threshold, macro, rank, truth_codes
from plainfilm.metrics.findings import NOT_MENTIONED
from plainfilm.tasks.film_classification.films import Films
from plainfilm.tasks.probing.logistic import Floats, Linear, Mask, Vectors, fit_path


@dataclass(frozen=True)
class FractionDraw:
    """The training images (`kept`, (N,)) of one draw of a fraction of the patients."""

    fraction: float
    repeat: int
    kept: Mask
    patients: int
    positives: tuple[int, ...]
    negatives: tuple[int, ...]

    @property
    def learns(self) -> Mask:
        """(C,): whether an observation has images of both classes."""
        return (np.array(self.positives) > 0) & (np.array(self.negatives) > 0)


@dataclass(frozen=True)
class Examples:
    """Features (N, F) of images, and their truth: positive, known (N, C)."""

    features: Vectors
    positive: Mask
    known: Mask

    def part(self, mask: Mask) -> Examples:
        """The images of `mask` (N,) only."""
        return Examples(self.features[mask], self.positive[mask], self.known[mask])


@dataclass(frozen=True)
class Fitting:
    """The settings of a probe: the candidate penalties, the penalty without validation images, and the
    criterion of thresholds."""

    penalties: Sequence[float]
    penalty: float
    criterion: Criterion


@dataclass(frozen=True)
class Probed:
    """The output of one probe: logits (N, C) of the evaluated images, NaN if it was not trained; its penalty,
    the macro AUROC of every penalty on validation images, and thresholds (C,)."""

    logits: Floats
    penalty: float
    worth: Mapping[float, float]
    thresholds: tuple[float | None, ...] | None


def draw_fractions(films: Films, fractions: Sequence[float], repeats: int, seed: int) -> list[FractionDraw]:
    """Every fraction `repeats` times, each repeat from its own order of patients; all patients once.

    In one repeat the smaller fractions lie inside the larger ones.
    """
    states = np.where(films.known, films.positive, NOT_MENTIONED).astype(np.int8)
    patients = films.patients
    places = [patient_places(patients, states, seed + repeat) for repeat in range(repeats)]
    return [
        _fraction(films, fraction, repeat, in_fraction(places[repeat], fraction), patients)
        for fraction in sorted(fractions)
        for repeat in range(1 if fraction == 1.0 else repeats)
    ]


def by_fraction(fractions: Sequence[FractionDraw]) -> Iterator[tuple[float, list[int]]]:
    """Each fraction with the places of its repeats in `fractions`."""
    for fraction, members in groupby(range(len(fractions)), key=lambda place: fractions[place].fraction):
        yield fraction, list(members)


def probe(train: Examples, validation: Examples | None, evaluated: Vectors, fitting: Fitting) -> Probed:
    """Train on `train`, choose penalty and thresholds on `validation`, and predict images `evaluated` (N, F).

    The chosen penalty has the best mean AUROC over the observations on validation images; the strongest of
    equally good ones.
    """
    has = [(side & train.known).any(axis=0) for side in (train.positive, ~train.positive)]
    learned = np.asarray(has[0] & has[1])
    logits = np.full((len(evaluated), len(learned)), np.nan)
    if not learned.any():
        return Probed(logits, fitting.penalty, {}, None if validation is None else (None,) * len(learned))
    penalties = [fitting.penalty] if validation is None else list(fitting.penalties)
    path = fit_path(train.features, train.positive[:, learned], train.known[:, learned], penalties)
    penalty, worth, thresholds = fitting.penalty, {}, None
    if validation is not None:
        worth = {one: _worth(path[one], validation, learned) for one in sorted(penalties, reverse=True)}
        known = {one: value for one, value in worth.items() if np.isfinite(value)}
        penalty = max(known, key=lambda one: known[one]) if known else max(penalties)
        thresholds = _thresholds(path[penalty], validation, learned, fitting.criterion)
    logits[:, learned] = path[penalty].logits(evaluated)
    return Probed(logits, penalty, worth, thresholds)


def _fraction(
    films: Films, fraction: float, repeat: int, kept: Mask, patients: NDArray[np.str_]
) -> FractionDraw:
    known, positive = films.known[kept], films.positive[kept]
    return FractionDraw(
        fraction=fraction,
        repeat=repeat,
        kept=kept,
        patients=len(np.unique(patients[kept])),
        positives=tuple((positive & known).sum(axis=0).tolist()),
        negatives=tuple((~positive & known).sum(axis=0).tolist()),
    )


def _worth(linear: Linear, validation: Examples, learned: Mask) -> float:
    """The mean AUROC on validation images over the observations with both classes there; NaN for none."""
    codes = truth_codes(validation.positive[:, learned], validation.known[:, learned])
    ranked = rank(linear.logits(validation.features), codes)
    return macro(ranked.under(np.ones((1, len(codes))))[0, :, 0])


def _thresholds(
    linear: Linear, validation: Examples, learned: Mask, criterion: Criterion
) -> tuple[float | None, ...]:
    thresholds: list[float | None] = [None] * len(learned)
    logits = linear.logits(validation.features)
    for place, column in enumerate(np.flatnonzero(learned)):
        rows = validation.known[:, column]
        thresholds[column] = best_threshold(logits[rows, place], validation.positive[rows, column], criterion)
    return tuple(thresholds)
