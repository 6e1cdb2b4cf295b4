"""From terms per item to metrics: values, intervals, baselines by the same rule, paired differences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.metrics.bootstrap import Interval, PatientBootstrap
from plainfilm.metrics.scores import Score, Terms, differences, intervals
from plainfilm.tasks.base import Metric

NUMERATOR, DENOMINATOR = "numerator", "denominator"
Count = Callable[[Score, Terms], int]
"""The n of a score."""


@dataclass(frozen=True)
class Measured:
    """What a group of scores is over: the model's terms of N items, those of each baseline, and the items'
    patients (N,).

    A baseline may lack parts; it then stands beside the scores that need none of them.
    """

    group: str
    values: Terms
    baselines: Mapping[str, Terms]
    patients: NDArray[np.str_]

    def part(self, mask: NDArray[np.bool_]) -> Measured:
        """The items of `mask` (N,) alone."""
        return Measured(
            self.group,
            {name: pairs[mask] for name, pairs in self.values.items()},
            {
                kind: {name: pairs[mask] for name, pairs in terms.items()}
                for kind, terms in self.baselines.items()
            },
            self.patients[mask],
        )


@dataclass(frozen=True)
class Resampling:
    """How intervals are made, and (`count`) how the items of a score are counted."""

    count: Count
    resamples: int
    seed: int


def measure(measured: Measured, scores: Sequence[Score], resampling: Resampling) -> list[Metric]:
    """Every score with its interval and baselines, all from the same resamples of patients."""
    bootstrap = PatientBootstrap(measured.patients, resampling.resamples, resampling.seed)
    found = intervals(scores, measured.values, bootstrap)
    trivial: dict[str, dict[str, tuple[Interval, Interval]]] = {}
    for name, terms in measured.baselines.items():
        known = [score for score in scores if all(part in terms for part in score.parts)]
        pairs = zip(
            intervals(known, terms, bootstrap),
            differences(known, measured.values, terms, bootstrap),
            strict=True,
        )
        trivial[name] = {score.name: pair for score, pair in zip(known, pairs, strict=True)}
    return [
        _metric(measured.group, score, interval, resampling.count(score, measured.values), trivial)
        for score, interval in zip(scores, found, strict=True)
    ]


def measure_subgroups(
    measured: Measured,
    scores: Sequence[Score],
    parts: Mapping[str, NDArray[np.bool_]],
    resampling: Resampling,
) -> list[Metric]:
    """The scores for each subgroup (name → which items), by the same rules and beside the same baselines."""
    return [
        replace(metric, name=f"{metric.name} [{name}]", subgroup=name, reducer=None, parts=())
        for name, mask in parts.items()
        for metric in measure(measured.part(mask), scores, resampling)
    ]


def items_table(measured: Measured, ids: Sequence[str] | NDArray[np.str_]) -> pd.DataFrame:
    """One row per item: its id, patient and the two numbers of each term, as `Results.items` wants them."""
    columns: dict[str, NDArray] = {}
    for name, pairs in measured.values.items():
        columns[f"{name}|{NUMERATOR}"] = pairs[:, 0]
        columns[f"{name}|{DENOMINATOR}"] = pairs[:, 1]
    head = {"group": measured.group, "item_id": np.asarray(ids), "patient_id": measured.patients}
    return pd.DataFrame({**head, **columns})


def _metric(
    group: str,
    score: Score,
    interval: Interval,
    n: int,
    trivial: Mapping[str, Mapping[str, tuple[Interval, Interval]]],
) -> Metric:
    mine = {name: pairs[score.name] for name, pairs in trivial.items() if score.name in pairs}
    return Metric(
        name=f"{group}/{score.name}",
        value=interval.value,
        low=interval.low,
        high=interval.high,
        n=n,
        note=interval.note,
        baselines={name: pair[0].value for name, pair in mine.items() if pair[0].value is not None},
        baseline_intervals={
            name: (pair[0].low, pair[0].high)
            for name, pair in mine.items()
            if pair[0].low is not None and pair[0].high is not None
        },
        over_baselines={
            name: (pair[1].value, pair[1].low, pair[1].high)
            for name, pair in mine.items()
            if pair[1].value is not None and pair[1].low is not None and pair[1].high is not None
        },
        group=group,
        reducer=score.reducer,
        parts=score.parts,
    )
