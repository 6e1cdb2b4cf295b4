"""Abstention beside its baseline, and why some scores cannot be computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from plainfilm.metrics.conformal import Bounds
from plainfilm.tasks.base import Metric
from plainfilm.tasks.prompting.deciding import GROUPS, Fitted, Floats, Said
from plainfilm.tasks.prompting.terms import ABSTENTION, abstention_terms, random_abstention
from plainfilm.tasks.scoring.observations import Trial, Truth, known_terms, ratio_scores


def abstention_trial(margins: Floats, bounds: Sequence[Bounds], miss: float, truth: Truth) -> Trial:
    """How often the sets abstain, hold each truth, and mislead where they decide."""
    values = {**known_terms(truth), **abstention_terms(margins, bounds, truth)}
    return ratio_scores(ABSTENTION, truth.observations), values, {"random": random_abstention(miss, truth)}


def explained(truth: Truth, fitted: Fitted | None, said: Said) -> Callable[[Metric], Metric]:
    """Gives metrics of one observation their number of positives, and says why a score is not computable."""
    positives = (truth.positive & truth.known).sum(axis=0)
    negatives = truth.known.sum(axis=0) - positives
    places = {name: place for place, name in enumerate(truth.observations)}

    def reason(metric: Metric, place: int) -> str | None:
        name = truth.observations[place]
        if not positives[place] or not negatives[place]:
            only = "negative" if negatives[place] else "positive" if positives[place] else "unlabelled"
            return f"not computable: all films are {only}"
        if name in said.undenied and metric.group != GROUPS[0]:
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
