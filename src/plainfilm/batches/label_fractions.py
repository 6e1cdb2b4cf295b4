"""Chooses the patients of a fraction of a training split: stratified by label, nested, fixed for a seed.

A model trained on 1 % of the labels can be compared with one trained on 10 % only if both fractions have the
same distribution. So each seed has one order of the patients, of which every prefix is balanced, and a
fraction is a prefix: the 1 % lies inside the 10 %. A patient is in or out with all items.

Iterative stratification (Sechidis et al. 2011, doi:10.1007/978-3-642-23808-6_10) works for folds of a fixed
size; this works for every size at once:

1. Patients are grouped by their rarest positive observation, each group spread evenly over the whole order.
2. The first patients are those needed to see every observation, the commonest first: a fraction with room for
   one patient per observation has a positive of each that has any, then a negative of each.
3. After that, the next place goes to the one of the next `LOOKAHEAD` patients that brings the counts closest
   to those expected of a prefix of this length: of items, of positives and of known states.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plainfilm.compiled import njit
from plainfilm.errors import UsageError
from plainfilm.metrics.findings import States
from plainfilm.seeding import generator
from plainfilm.types import State

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

LOOKAHEAD = 128
"""Number of candidates for the next place; more balance better and take longer."""
CHOICES = 8
"""Number of candidates with a missing observation, of which the one with most missing observations is chosen:
few, so that another seed starts with others."""


def patient_places(patients: Sequence[str] | NDArray, states: States, seed: int) -> Ints:
    """The place (N,) of the patient of each of N items in the order of the P patients, from 0.

    patients: (N,), distinct between corpora. states: (N, C) as in `batches.labels`. The order depends on the
    patients and their states only: not on the order of the items, nor on the machine.
    """
    names, codes = np.unique(np.asarray(patients).astype(str), return_inverse=True)
    count = len(names)
    positive = _per_patient(codes, states == State.POSITIVE, count)
    known = _per_patient(codes, states >= State.UNCERTAIN, count)
    negative = _per_patient(codes, states == State.NEGATIVE, count)
    items = np.bincount(codes, minlength=count)
    # These words are part of the seed: others would draw other patients.
    order = _spread(_rarest(positive > 0), generator(seed, "share of patients"))
    first = _first(order, items, positive > 0, negative > 0)
    order = np.concatenate([first, order[~np.isin(order, first)]])
    _balance(order, _features(items, positive, known), len(first), LOOKAHEAD)
    places = np.empty(count, dtype=np.int64)
    places[order] = np.arange(count)
    return places[codes]


def in_fraction(places: Ints, fraction: float) -> Mask:
    """Whether each of N items (`patient_places`) is in a fraction of the patients, above 0 and at most 1.

    The number of patients is rounded, and at least one.

    Raises:
        UsageError: the fraction is outside this range.
    """
    if not 0.0 < fraction <= 1.0:
        raise UsageError(f"fraction {fraction}: must be above 0 and at most 1 (0.01 is 1 % of the patients)")
    count = int(places.max()) + 1 if len(places) else 0
    return places < max(1, int(fraction * count + 0.5))


def _per_patient(codes: Ints, marks: Mask, count: int) -> Ints:
    """The number of marked items (N, C) of each patient, per column: (P, C)."""
    counts = [np.bincount(codes[column], minlength=count) for column in marks.T]
    return np.stack(counts, axis=1) if counts else np.zeros((count, 0), dtype=np.int64)


def _rarest(has: Mask) -> Ints:
    """The column (P,) of the rarest observation of each patient, C without any."""
    by_rarity = np.argsort(has.sum(axis=0), kind="stable")
    ranked = np.column_stack([has[:, by_rarity], np.ones(len(has), dtype=bool)])
    return ranked.argmax(axis=1).astype(np.int64)


def _spread(groups: Ints, random: np.random.Generator) -> Ints:
    """An order of the patients (P,) with each group spread evenly (systematic sampling)."""
    shuffled = random.permutation(len(groups))
    by_group = shuffled[np.argsort(groups[shuffled], kind="stable")]
    own, sizes = groups[by_group], np.bincount(groups)
    rank = np.arange(len(groups)) - (np.cumsum(sizes) - sizes)[own]
    start = random.random(len(sizes))
    return by_group[np.argsort((rank + start[own]) / sizes[own], kind="stable")]


def _first(order: Ints, items: Ints, *kinds: Mask) -> Ints:
    """A small set of patients, preferably with few `items` (P,), who together have every column of each of
    `kinds` (P, C) that any patient has."""
    chosen: list[int] = []
    for has in kinds:
        missing = np.asarray(has.any(axis=0) & ~has[chosen].any(axis=0))
        for column in np.argsort(-has.sum(axis=0), kind="stable"):
            if missing[column]:
                able = order[has[order, column]][:CHOICES]
                best = able[np.lexsort((items[able], -(has[able] & missing).sum(axis=1)))[0]]
                chosen.append(int(best))
                missing &= ~has[best]
    return np.array(chosen, dtype=np.int64)


def _features(items: Ints, positive: Ints, known: Ints) -> NDArray[np.float64]:
    """The balanced features (P, F), in standard deviations from the mean: all known states together weigh as
    much as the items, or as the positives of one observation."""
    columns = np.column_stack([items, positive, known])
    # Integers as far as possible: they are the same on every machine.
    centred = len(columns) * columns - columns.sum(axis=0)
    spread = np.sqrt(len(columns) * (columns**2).sum(axis=0) - columns.sum(axis=0) ** 2)
    fraction_of_known = 1.0 / np.sqrt(max(1, known.shape[1]))
    weights = np.repeat([1.0, fraction_of_known], [1 + positive.shape[1], known.shape[1]])
    varied = spread > 0
    return np.ascontiguousarray(centred[:, varied] / spread[varied] * weights[varied])


@njit
def _imbalance(total, features):  # type: ignore[no-untyped-def]
    imbalance = 0.0
    for column in range(len(total)):
        imbalance += (total[column] + features[column]) ** 2
    return imbalance


@njit
def _balance(order, features, start, lookahead):  # type: ignore[no-untyped-def]
    """Rearrange `order` (P,) from place `start` on, so that the features (P, F) of every prefix sum to nearly
    zero."""
    # Sums in a fixed order, so that every machine breaks ties the same way.
    total = np.zeros(features.shape[1])
    for place in range(len(order)):
        best, least = place, np.inf
        for candidate in range(place, min(place + lookahead, len(order)) if place >= start else place + 1):
            imbalance = _imbalance(total, features[order[candidate]])
            if imbalance < least:
                best, least = candidate, imbalance
        order[place], order[best] = order[best], order[place]
        total += features[order[place]]
