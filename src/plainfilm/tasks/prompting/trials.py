"""The scores of one kind of prompt score beside their baselines, and why some cannot be computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from plainfilm.metrics.conformal import Bounds
from plainfilm.metrics.scores import Score, Terms
from plainfilm.tasks.base import Metric
from plainfilm.tasks.prompting.deciding import GROUPS, Fitted, Floats
from plainfilm.tasks.prompting.films import Asked
from plainfilm.tasks.prompting.terms import (
    ABSTENTION,
    DECIDED,
    HALF,
    Truth,
    abstention_terms,
    decision_terms,
    known_terms,
    random_abstention,
    ranking_scores,
    ranking_terms,
    ratio_scores,
)

Trial = tuple[list[Score], Terms, Mapping[str, Terms]]
"""Scores, the model's terms and those of each baseline."""


def trial(
    is_combined: bool, scores: Floats, thresholds: Sequence[float | None] | None, truth: Truth
) -> Trial:
    """Rankings, decisions at `thresholds` (C,) where there are any, and of the combined score at one half."""
    named = ranking_scores(truth.observations)
    values = {**known_terms(truth), **ranking_terms(scores, truth)}
    chance = np.tile(truth.prevalence, (len(scores), 1))
    trivial = {"random": chance, "majority": (chance > 0.5).astype(np.float64)}
    baselines: dict[str, dict[str, Floats]] = {name: {} for name in trivial}
    baselines["random"] |= ranking_terms(np.zeros_like(scores), truth)
    cuts: list[tuple[Floats, tuple[str, ...]]] = []
    if thresholds is not None:
        cuts.append((np.array([np.nan if one is None else one for one in thresholds]), DECIDED))
    if is_combined:
        cuts.append((np.zeros(scores.shape[1]), (HALF,)))
    for cut, kinds in cuts:
        decided = np.isfinite(cut) & np.isfinite(scores).any(axis=0)
        named += ratio_scores(kinds, truth.observations)
        values |= decision_terms((scores >= cut).astype(np.float64), truth, decided, kinds)
        for name, said in trivial.items():
            baselines[name] |= decision_terms(said, truth, decided, kinds)
    return named, values, baselines


def abstention_trial(margins: Floats, bounds: Sequence[Bounds], miss: float, truth: Truth) -> Trial:
    """How often the sets abstain, hold each truth, and mislead where they decide."""
    values = {**known_terms(truth), **abstention_terms(margins, bounds, truth)}
    return ratio_scores(ABSTENTION, truth.observations), values, {"random": random_abstention(miss, truth)}


def explained(truth: Truth, fitted: Fitted | None, asked: Asked) -> Callable[[Metric], Metric]:
    """Gives metrics of one observation their number of positives, and says why a score is not computable."""
    positives = (truth.positive & truth.known).sum(axis=0)
    negatives = truth.known.sum(axis=0) - positives
    places = {name: place for place, name in enumerate(truth.observations)}

    def reason(metric: Metric, place: int) -> str | None:
        name = truth.observations[place]
        if not positives[place] or not negatives[place]:
            only = "negative" if negatives[place] else "positive" if positives[place] else "unlabelled"
            return f"not computable: all films are {only}"
        if not asked.prompts[name].negative and metric.group != GROUPS[0]:
            return "not computable: the prompt pack has no prompt that denies it"
        if fitted is not None and not (fitted.positives[place] and fitted.negatives[place]):
            return "not computable: the validation films are of one class"
        return metric.note

    def explain(metric: Metric) -> Metric:
        _, separator, name = metric.name.removeprefix(f"{metric.group}/").partition("/")
        if not separator or metric.subgroup is not None or name not in places:
            return metric
        place = places[name]
        note = reason(metric, place) if metric.value is None else metric.note
        return replace(metric, support=int(positives[place]), note=note)

    return explain
