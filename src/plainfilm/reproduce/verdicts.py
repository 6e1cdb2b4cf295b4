"""Sets our values beside the published ones.

A published value is reproduced where it lies within the 95 % interval of ours. There is no such verdict where
the protocol is another one (the manifest says why), where nobody read the published value, or on phantoms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from plainfilm.reproduce.manifest import Evaluation, PublishedValue, Source
from plainfilm.reproduce.plan import STAND_IN, Plan
from plainfilm.reproduce.steps import Outcome
from plainfilm.results.text import number

Kind = Literal["reproduced", "differs", "not comparable", "not run"]
PHANTOMS = "phantoms, not the corpus of the paper"


@dataclass(frozen=True)
class Ours:
    """Our value in the published unit with its 95 % interval over `n` items; of several repeats their mean,
    and the interval from the lowest to the highest limit of any."""

    value: float
    low: float | None
    high: float | None
    n: int
    repeats: int = 1


@dataclass(frozen=True)
class Row:
    """A published value of one model and ours. why: of the verdict; `folder` holds our results."""

    evaluation: str
    title: str
    model: str
    published: PublishedValue
    source: Source | None
    ours: Ours | None
    differs: tuple[str, ...]
    kind: Kind
    why: str
    folder: Path

    @property
    def verdict(self) -> str:
        """In a few words, with the reason."""
        return f"{self.kind}: {self.why}" if self.why else self.kind


def rows(plan: Plan, outcomes: Sequence[Outcome]) -> list[Row]:
    """A row for each published value and model, in the order of the manifest."""
    by_place = {(one.evaluation, one.model): one for one in outcomes}
    return [
        _row(plan, name, one, value, by_place[name, model])
        for name, one in plan.paper.evaluations.items()
        for value in one.values
        for model in _models(plan, one, value)
    ]


def _models(plan: Plan, evaluation: Evaluation, value: PublishedValue) -> Iterator[str]:
    for model in plan.models_of(evaluation):
        if model == STAND_IN or not value.models or model in value.models:
            yield model


def _row(plan: Plan, name: str, one: Evaluation, value: PublishedValue, outcome: Outcome) -> Row:
    ours, reason = _ours(value, outcome)
    kind, why = _verdict(value, one, ours, reason, plan.phantom)
    source = plan.paper.sources[value.source] if value.source else None
    return Row(
        name, one.title, outcome.model, value, source, ours, one.differs, kind, why, outcome.folder
    )  # fmt: skip


def _ours(value: PublishedValue, outcome: Outcome) -> tuple[Ours | None, str]:
    """Our value, or the reason for none."""
    if outcome.reason is not None:
        return None, outcome.reason
    if value.metric is None:
        return None, ""
    metrics = [_metric(document, value.metric) for document in outcome.documents.get(value.fraction, ())]
    known = [metric for metric in metrics if metric is not None and metric["value"] is not None]
    if not known:
        notes = {str(metric["note"]) for metric in metrics if metric and metric.get("note")}
        return None, "; ".join(sorted(notes)) or f"the results have no {value.metric}"
    mean = sum(metric["value"] for metric in known) / len(known)
    lows = [metric["low"] * value.scale for metric in known if metric["low"] is not None]
    highs = [metric["high"] * value.scale for metric in known if metric["high"] is not None]
    limits = min(lows, default=None), max(highs, default=None)
    return Ours(mean * value.scale, *limits, n=known[0]["n"], repeats=len(known)), ""


def _metric(document: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    for metric in document["metrics"]:
        if metric["name"] == name and not metric.get("subgroup"):
            return dict(metric)
    return None


def _verdict(
    value: PublishedValue, evaluation: Evaluation, ours: Ours | None, reason: str, phantom: bool
) -> tuple[Kind, str]:
    if value.metric is not None and ours is None:
        return "not run", reason
    if phantom:
        return "not comparable", PHANTOMS
    stated = value.not_comparable or evaluation.not_comparable
    if stated or ours is None:
        return "not comparable", stated or ""
    if value.value is None:
        return "not comparable", "the published value was not read from a source"
    if ours.low is None or ours.high is None:
        return "not comparable", "ours has no interval"
    if ours.low <= value.value <= ours.high:
        return "reproduced", "within the interval"
    return "differs", f"ours - published = {number(ours.value - value.value, 2)}, outside the interval"


def counts(found: Sequence[Row]) -> dict[Kind, int]:
    """How many rows have each verdict."""
    kinds: tuple[Kind, ...] = ("reproduced", "differs", "not comparable", "not run")
    return {kind: sum(row.kind == kind for row in found) for kind in kinds}
