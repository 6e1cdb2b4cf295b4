"""Label F1 for report generation: agreement of the positive findings of two texts.

The score depends on the labeller, the observations and the treatment of uncertain states, so all three are in
its name (`label-f1/plainfilm-chexpert-4/micro-14/uncertain=positive`). It is not the F1 of CheXbert, whose
labels come from a network.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from plainfilm.metrics.bootstrap import Interval, PatientBootstrap
from plainfilm.metrics.findings import States

Uncertain = Literal["positive", "negative", "left out"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class LabelF1:
    """One score: `identity` is its full name, `n` counts the positive states of the reference in it."""

    identity: str
    f1: Interval
    precision: Interval
    recall: Interval
    n: int


def label_f1(
    reference: States,
    generated: States,
    observations: Sequence[str],
    patients: Sequence[object] | NDArray,
    *,
    origin: str,
    uncertain: Uncertain = "positive",
    subset: Sequence[str] | None = None,
) -> list[LabelF1]:
    """Micro and macro over all observations (and over `subset`, if given), then one per observation.

    reference, generated: states (N, C) in the order of `observations`. patients: (N,), for the intervals.
    uncertain: counted as positive, as negative, or, "left out", not counted if either side has it.
    Observations that are positive on neither side are left out of macro scores.
    """
    counts = _counts(reference, generated, uncertain)
    bootstrap = PatientBootstrap(patients)
    name = f"label-f1/{origin}/{{}}/uncertain={uncertain.replace(' ', '-')}"
    groups = [(str(len(observations)), list(range(len(observations))))]
    if subset is not None:
        groups.append((str(len(subset)), [list(observations).index(one) for one in subset]))
    scores = []
    for size, places in groups:
        for way in ("micro", "macro"):
            scores.append(_score(counts[:, places], way, name.format(f"{way}-{size}"), bootstrap))
    scores += [
        _score(counts[:, [place]], "micro", name.format(one), bootstrap)
        for place, one in enumerate(observations)
    ]
    return scores


def _counts(reference: States, generated: States, uncertain: Uncertain) -> Floats:
    """(N, C, 3): true positives, false positives and false negatives."""
    positive = (1, -1) if uncertain == "positive" else (1,)
    true, generated_positive = np.isin(reference, positive), np.isin(generated, positive)
    kept = (reference != -1) & (generated != -1) if uncertain == "left out" else np.ones_like(true)
    return np.stack(
        [
            true & generated_positive & kept,
            generated_positive & ~true & kept,
            true & ~generated_positive & kept,
        ],
        axis=-1,
    ).astype(np.float64)


def _score(counts: Floats, way: str, identity: str, bootstrap: PatientBootstrap) -> LabelF1:
    def scores(sums: Floats) -> Floats:
        if way == "micro":
            sums = sums.sum(axis=1, keepdims=True)
        hits, extra, missed = sums[..., 0], sums[..., 1], sums[..., 2]
        with np.errstate(invalid="ignore", divide="ignore"):
            each = [2 * hits / (2 * hits + extra + missed), hits / (hits + extra), hits / (hits + missed)]
        return np.stack([_mean(one) for one in each], axis=-1)

    f1, precision, recall = bootstrap.of_sums(counts, scores)
    return LabelF1(identity, f1, precision, recall, int(counts[..., 0].sum() + counts[..., 2].sum()))


def _mean(values: Floats) -> Floats:
    """The mean over the observations that can be computed."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0.0).sum(axis=-1) / known.sum(axis=-1)
