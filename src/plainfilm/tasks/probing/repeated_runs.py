"""Repeated runs on a fraction of the labels: mean scores, single scores, and reasons for missing ones.

A mean over the repeats is a mean of parts: every repeat has its own statistics, named after it, and an
interval comes from resampling the patients of all of them together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from plainfilm.metrics.calibration import sigmoid
from plainfilm.metrics.coded import Pairs
from plainfilm.metrics.scores import RANKINGS, Statistics
from plainfilm.tasks.base import Curve, CurveFigure, Figure, Metric
from plainfilm.tasks.film_classification.films import Films
from plainfilm.tasks.film_classification.thresholds import (
    RANKED,
    Evaluated,
    Mask,
    Truth,
    ranked_and_decided,
)
from plainfilm.tasks.probing.probes import FractionDraw, Probed, by_fraction
from plainfilm.tasks.scoring.measure import DescribedScore

COMMON = "common_macro"
"""The macro mean over the observations that every fraction has trained probes for."""
UNTRAINED = "untrained"


@dataclass(frozen=True)
class Learned:
    """Observations (C,) with trained probes: in every repeat of one fraction, and in every repeat of all."""

    here: Mask
    everywhere: Mask


def fraction_name(fraction: float) -> str:
    """The group of a fraction's metrics.

    >>> fraction_name(0.01)
    'fraction_0.01'
    """
    return f"fraction_{fraction:g}"


def fraction_heading(fraction: float) -> str:
    """The heading of a fraction's metrics.

    >>> fraction_heading(0.01)
    '1 % of the patients'
    """
    return f"{100 * fraction:g} % of the patients"


def learned(fractions: Sequence[FractionDraw], own: Sequence[int]) -> Learned:
    """The observations with trained probes in the fractions at the places `own`, and in all fractions."""
    each = np.array([fraction.learns for fraction in fractions])
    return Learned(np.asarray(each[list(own)].all(axis=0)), np.asarray(each.all(axis=0)))


def joined(
    probed: Sequence[Probed], untrained: Sequence[Probed] | None, known: Learned, truth: Truth
) -> Evaluated:
    """Scores, statistics and baselines of the repeats of one fraction."""
    runs = [_evaluated(one, known, truth) for one in probed]
    first, count = runs[0], len(runs)
    baselines = {name: _repeated([values] * count) for name, values in first.baselines.items()}
    if untrained is not None:
        baselines[UNTRAINED] = _repeated([_evaluated(one, known, truth).values for one in untrained])
    shared = {name: pairs for name, pairs in first.values.items() if name.startswith("known/")}
    scores = _scores(first.scores, count, known, truth.observations)
    return Evaluated(scores, {**shared, **_repeated([run.values for run in runs])}, baselines)


def _evaluated(probed: Probed, known: Learned, truth: Truth) -> Evaluated:
    logits = np.where(known.here, probed.logits, np.nan)
    return ranked_and_decided(True, logits, probed.thresholds, truth)


def _repeated(runs: Sequence[Statistics]) -> dict[str, Pairs]:
    """The statistics of all repeats, with the repeat in their names."""
    return {
        f"{repeat}:{name}": pairs
        for repeat, one in enumerate(runs)
        for name, pairs in one.items()
        if not name.startswith("known/")
    }


def _scores(
    described: Sequence[DescribedScore], count: int, known: Learned, observations: Sequence[str]
) -> list[DescribedScore]:
    scores = []
    for score in described:
        scores.append(_over(score, range(count)))
        kind = score.name.removesuffix("_macro")
        if score.name not in (f"{one}_macro" for one in RANKED):
            continue
        if known.everywhere.any() and (known.here != known.everywhere).any():
            pairs = zip(observations, known.everywhere, strict=True)
            chosen = tuple(f"score/{name}" for name, is_learned in pairs if is_learned)
            title = score.title.replace(", macro", " of observations learned in every fraction, macro")
            common = replace(score, name=f"{kind}_{COMMON}", title=title, parts=chosen)
            scores.append(_over(common, range(count)))
        if count > 1:
            scores += [
                replace(
                    _over(score, [repeat]),
                    name=f"{score.name} repeat {repeat + 1}",
                    title=f"{score.title} repeat {repeat + 1}",
                    headline=False,
                )
                for repeat in range(count)
            ]
    return scores


def _over(score: DescribedScore, repeats: Sequence[int]) -> DescribedScore:
    kept = score.aggregation if score.aggregation in RANKINGS else "mean"
    parts = tuple(f"{repeat}:{part}" for repeat in repeats for part in score.parts)
    return replace(score, aggregation=kept, parts=parts)


def with_reasons(
    fractions: Sequence[FractionDraw], probed: Sequence[Probed], known: Learned, truth: Truth
) -> Callable[[Metric], Metric]:
    """Add to metrics of one observation their number of positives, and to each that cannot be computed, or
    that leaves observations out, the reason."""
    positives = (truth.positive & truth.known).sum(axis=0)
    why = {
        name: truth.one_class.get(name) or _why_not(place, fractions)
        for place, name in enumerate(truth.observations)
    }
    missing = [name for name, reason in why.items() if reason]
    left_out = f"left out: {', '.join(missing)}" if missing else None

    def explain(metric: Metric) -> Metric:
        kind, separator, name = metric.name.removeprefix(f"{metric.group}/").partition("/")
        if metric.subgroup is not None:
            return metric
        if not separator:
            notes = [left_out] if "_macro" in kind and COMMON not in kind else []
            nothing = "not computable: no observation is left" if metric.value is None else metric.note
            return replace(metric, note="; ".join(note for note in (nothing, *notes) if note) or None)
        place = truth.observations.index(name)
        note = metric.note
        if metric.value is None:
            note = why[name] or _undecided(place, probed) or metric.note
        return replace(metric, support=int(positives[place]), note=note)

    return explain


def _why_not(place: int, fractions: Sequence[FractionDraw]) -> str | None:
    """The reason why an observation of both classes has no ranking, if it has none."""
    for fraction in fractions:
        if not fraction.learns[place]:
            kind = "negative" if fraction.positives[place] else "positive"
            where = f" in repeat {fraction.repeat + 1}" if len(fractions) > 1 else ""
            return f"not computable: no {kind} training film among {fraction.patients} patients{where}"
    return None


def _undecided(place: int, probed: Sequence[Probed]) -> str | None:
    if any(one.thresholds is not None and one.thresholds[place] is None for one in probed):
        return "not computable: the validation films are of one class"
    return None


def spread(metrics: Sequence[Metric], group: str) -> Mapping[str, float]:
    """The standard deviation of the repeats' macro scores, where there are several."""
    deviations = {}
    for kind in RANKED:
        name = f"{group}/{kind}_macro repeat "
        values = [m.value for m in metrics if m.name.startswith(name) and m.value is not None]
        if len(values) > 1:
            deviations[f"{kind}_macro"] = float(np.std(values, ddof=1))
    return deviations


def fraction_figure(metrics: Sequence[Metric], fractions: Sequence[float]) -> tuple[Figure, ...]:
    """AUROC against the fraction of the patients trained on; none for fewer than two fractions.

    The curve is the mean over the observations that every fraction has probes for, if they differ.
    """
    by_name = {metric.name: metric for metric in metrics}
    by_percent: dict[float, Metric] = {}
    for fraction in fractions:
        names = [f"{fraction_name(fraction)}/{kind}" for kind in (f"auroc_{COMMON}", "auroc_macro")]
        metric = next(by_name[name] for name in names if name in by_name)
        if metric.as_point() is not None:
            by_percent[100 * fraction] = metric
    if len(by_percent) < 2:
        return ()
    points = [metric.as_point() or (np.nan,) * 3 for metric in by_percent.values()]
    value, low, high = (tuple(column) for column in zip(*points, strict=True))
    x = tuple(by_percent)
    trivial = dict.fromkeys(name for metric in by_percent.values() for name in metric.baselines)
    baselines = [
        Curve(
            name, x, tuple(one.baselines.get(name, np.nan) for one in by_percent.values()), is_baseline=True
        )
        for name in trivial
    ]
    figure = CurveFigure(
        title="AUROC by fraction of the labels",
        x_label="fraction of the training patients; 95 % interval by patient",
        y_label="AUROC, macro over observations learned in every fraction",
        curves=(*baselines, Curve("model", x, value, low, high)),
        log_x=True,
        x_ticks={fraction: f"{fraction:g} %" for fraction in x},
    )
    return (figure,)


def predictions_table(
    films: Films, fractions: Sequence[FractionDraw], probed: Sequence[Probed]
) -> pd.DataFrame:
    """One row per image and observation: the truth (missing if unknown), for each fraction the mean
    probability over its repeats, and each repeat's logit."""
    values = {}
    for fraction, own in by_fraction(fractions):
        chances = np.mean([sigmoid(probed[place].logits) for place in own], axis=0)
        values[f"probability_{fraction_name(fraction)}"] = chances
        values |= {
            f"logit_{fraction_name(fraction)}_repeat_{fractions[place].repeat + 1}": probed[place].logits
            for place in own
        }
    return films.by_observation().assign(
        **{name: one.astype(np.float32).ravel() for name, one in values.items()}
    )


def fractions_document(fractions: Sequence[FractionDraw], observations: Sequence[str]) -> Mapping[str, Any]:
    """By fraction: patients, and per repeat the images and the positive images of each observation."""
    return {
        fraction_name(fraction): {
            "patients": fractions[own[0]].patients,
            "films": [int(fractions[place].kept.sum()) for place in own],
            "positives": {
                name: [fractions[place].positives[column] for place in own]
                for column, name in enumerate(observations)
            },
        }
        for fraction, own in by_fraction(fractions)
    }


def penalties_document(
    fractions: Sequence[FractionDraw], probed: Sequence[Probed]
) -> Mapping[str, list[float]]:
    """By fraction, the penalty of each repeat."""
    return {
        fraction_name(fraction): [probed[place].penalty for place in own]
        for fraction, own in by_fraction(fractions)
    }


def thresholds_document(
    fractions: Sequence[FractionDraw], probed: Sequence[Probed], observations: Sequence[str]
) -> Mapping[str, Any]:
    """By fraction and observation, the threshold of each repeat, as a logit."""
    return {
        fraction_name(fraction): {
            name: [thresholds[column] for place in own if (thresholds := probed[place].thresholds)]
            for column, name in enumerate(observations)
        }
        for fraction, own in by_fraction(fractions)
    }
