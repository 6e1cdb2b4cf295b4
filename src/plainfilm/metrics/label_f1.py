"""Label F1 for report generation: agreement of the positive findings of two texts.

The score depends on the labeller, the observations and the treatment of uncertain states, so all three are in
its name (`label-f1/plainfilm-chexpert-4/micro-14/uncertain=positive`). It is not the F1 of CheXbert, whose
labels come from a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from plainfilm.metrics.bootstrap import Interval, PatientBootstrap
from plainfilm.metrics.coded import Pairs
from plainfilm.metrics.findings import States
from plainfilm.metrics.scores import Score, Statistics, intervals, ratio_statistics

Uncertain = Literal["positive", "negative", "left out"]
UNCERTAIN: tuple[Uncertain, ...] = get_args(Uncertain)

Floats = NDArray[np.float64]
Outcomes = NDArray[np.bool_]

KINDS = ("f1", "precision", "recall")
SIDES = ("left", "right")


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
    counts = outcomes(reference, generated, uncertain)
    subsets = () if subset is None else (subset,)
    values = label_statistics(counts, observations, subsets)
    bootstrap = PatientBootstrap(patients)
    positives = dict(zip(observations, (counts[..., 0] + counts[..., 2]).sum(axis=0), strict=True))
    scores = []
    for over in (observations, *subsets):
        for way in ("micro", "macro"):
            name = f"{way}-{len(over)}"
            n = sum(int(positives[one]) for one in over)
            scores.append(_score(name, way, over, values, bootstrap, n))
    scores += [_score(one, one, (one,), values, bootstrap, int(positives[one])) for one in observations]
    return [LabelF1(label_f1_identity(name, origin, uncertain), *found, n) for name, found, n in scores]


def label_f1_identity(name: str, origin: str, uncertain: Uncertain) -> str:
    """The identity of a score called `name` from labels of the labeller `origin`."""
    return f"label-f1/{origin}/{name}/uncertain={uncertain.replace(' ', '-')}"


def outcomes(reference: States, generated: States, uncertain: Uncertain) -> Outcomes:
    """(N, C, 3) from states (N, C): true positives, false positives and false negatives."""
    positive = (1, -1) if uncertain == "positive" else (1,)
    true, said = np.isin(reference, positive), np.isin(generated, positive)
    kept = (reference != -1) & (generated != -1) if uncertain == "left out" else np.ones_like(true)
    return np.stack([true & said & kept, said & ~true & kept, true & ~said & kept], axis=-1)


def label_statistics(
    counts: Outcomes, observations: Sequence[str], subsets: Sequence[Sequence[str]] = ()
) -> Statistics:
    """Statistics of `KINDS` from `outcomes` (N, C, 3): KIND/OBSERVATION, KIND/micro-C (and of each subset),
    and `f1/example`, the F1 of each report, without those that are positive on neither side."""
    values: dict[str, Pairs] = {}
    for place, name in enumerate(observations):
        values |= _kinds(name, counts[:, place])
    for over in (observations, *subsets):
        places = [list(observations).index(name) for name in over]
        values |= _kinds(f"micro-{len(over)}", counts[:, places].sum(axis=1))
    each = report_f1(counts)
    known = np.isfinite(each)
    values["f1/example"] = ratio_statistics(np.where(known, each, 0.0), known)
    return values


def report_f1(counts: Outcomes) -> Floats:
    """The F1 of each report (N,) from `outcomes` (N, C, 3), as a reward; NaN if neither side has a positive.

    Their mean is the example-based F1, scikit-learn's `average="samples", zero_division=nan`.
    """
    hits, extra, missed = counts.sum(axis=1).T.astype(np.float64)
    whole = 2 * hits + extra + missed
    return np.divide(2 * hits, whole, out=np.full(len(counts), np.nan), where=whole > 0)


def side_statistics(
    reference: Sequence[Mapping[str, str]], generated: Sequence[Mapping[str, str]], names: Sequence[str]
) -> Statistics:
    """Statistics of left and right, from the sides of positive observations by text (`labelling.texts`).

    KIND/left, KIND/right and KIND/sides: outcomes of pairs of observation and side, "bilateral" being both.
    side_agreement: of the observations that both texts state on one side only, those on the same side.
    """
    true, said = (_on_sides(one, names) for one in (reference, generated))
    counts = np.stack([true & said, said & ~true, true & ~said], axis=-1)
    values: dict[str, Pairs] = {}
    for place, side in enumerate(SIDES):
        values |= _kinds(side, counts[:, :, place].sum(axis=1))
    values |= _kinds("sides", counts.sum(axis=(1, 2)))
    one_sided = (true.sum(axis=2) == 1) & (said.sum(axis=2) == 1)
    same = one_sided & (true == said).all(axis=2)
    values["side_agreement"] = ratio_statistics(same.sum(axis=1), one_sided.sum(axis=1))
    return values


def _on_sides(stated: Sequence[Mapping[str, str]], names: Sequence[str]) -> Outcomes:
    """(N, C, 2): whether an observation is stated on the left and on the right."""
    rows = [[[one.get(name) in (side, "bilateral") for side in SIDES] for name in names] for one in stated]
    return np.array(rows, dtype=bool).reshape(len(stated), len(names), len(SIDES))


def _kinds(name: str, counts: NDArray) -> dict[str, Pairs]:
    """Statistics of `KINDS` from true positives, false positives and false negatives (N, 3)."""
    hits, extra, missed = counts.T.astype(np.float64)
    pairs = ((2 * hits, 2 * hits + extra + missed), (hits, hits + extra), (hits, hits + missed))
    return {f"{kind}/{name}": ratio_statistics(*pair) for kind, pair in zip(KINDS, pairs, strict=True)}


def _score(
    name: str, way: str, over: Sequence[str], values: Statistics, bootstrap: PatientBootstrap, n: int
) -> tuple[str, tuple[Interval, Interval, Interval], int]:
    is_macro = way == "macro"
    parts = {kind: tuple(f"{kind}/{one}" for one in (over if is_macro else (name,))) for kind in KINDS}
    scores = [Score(kind, "mean" if is_macro else "ratio", parts[kind]) for kind in KINDS]
    f1, precision, recall = intervals(scores, values, bootstrap)
    return name, (f1, precision, recall), n
