"""What the numbers of an audit say, in words: each check passes, fails, or stays open.

A fall that should be there passes if its interval lies above 0, and fails if it lies within the tolerance. A
fall that should not be there passes if its interval lies below the tolerance, and fails if it lies above.
Everything else is open: more films decide it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from plainfilm.tasks.auditing.audited_films import (
    BLANK,
    MARKERS,
    MIRRORED,
    OTHER_LABELS,
    OTHER_WORDS,
    SAME_LABELS,
    TITLES,
)
from plainfilm.tasks.auditing.changed_answers import INSIDE, LOST, OTHER_ANSWER, OUTSIDE, READS
from plainfilm.tasks.auditing.film_changes import HARMLESS
from plainfilm.tasks.auditing.prompt_pairs import NEGATION, SEVERITY, SIDE
from plainfilm.tasks.base import Metric

Outcome = Literal["passes", "fails", "open", "not tested"]


@dataclass(frozen=True)
class Verdict:
    """A check, its outcome, and the numbers in a sentence."""

    check: str
    outcome: Outcome
    sentence: str


def verdicts(metrics: Sequence[Metric], questions: Sequence[str], tolerance: float) -> list[Verdict]:
    """The verdicts of the `questions` that were asked, then those of pointing, retrieval and prompts."""
    by_name = {metric.name: metric for metric in metrics}
    found = [one for question in questions for one in _of_question(by_name, question, tolerance)]
    found += _against(by_name, "pointing/hits", "findings pointed at", tolerance)
    found += _against(by_name, "retrieval/mrr", "mean reciprocal rank", tolerance)
    for kind in (NEGATION, SIDE, SEVERITY):
        if f"{kind}/{kind}" in by_name:
            found.append(_chosen(by_name[f"{kind}/{kind}"], kind, tolerance))
    return found


def should_fall(low: float | None, high: float | None, tolerance: float) -> Outcome:
    """The outcome of a fall with this interval that ought to be there."""
    if low is None or high is None:
        return "not tested"
    return "passes" if low > 0 else "fails" if high <= tolerance else "open"


def should_stay(low: float | None, high: float | None, tolerance: float) -> Outcome:
    """The outcome of a fall with this interval that ought not to be there."""
    if low is None or high is None:
        return "not tested"
    return "passes" if high <= tolerance else "fails" if low > tolerance else "open"


def _of_question(by_name: Mapping[str, Metric], question: str, tolerance: float) -> list[Verdict]:
    says = question.replace("_", "-")
    blank, other = (by_name[f"{question}/{change}/{OTHER_ANSWER}"].value for change in (BLANK, OTHER_LABELS))
    headline = by_name[f"{question}/auroc_macro"]
    lost = by_name[f"{question}/{BLANK}/{LOST}"]
    same = "" if blank is None or other is None else (
        f" The answers of {1 - blank:.0%} of films stay the same with a blank film, of {1 - other:.0%} with "
        f"another patient's film of other labels."
    )  # fmt: skip
    found = [
        Verdict(
            f"{says}: looks at the film",
            should_fall(lost.low, lost.high, tolerance),
            f"AUROC {_number(headline)}, lost with a blank film {_number(lost)}.{same}",
        ),
        _beyond_view(headline, says, tolerance),
        _reads(by_name, question, says, tolerance),
    ]
    for change in (change for change in _STAYS if f"{question}/{change}/{LOST}" in by_name):
        fall = by_name[f"{question}/{change}/{LOST}"]
        answer = by_name[f"{question}/{change}/{OTHER_ANSWER}"].value
        changed = "" if answer is None else f" The answers of {answer:.0%} of films change."
        outcome = should_stay(fall.low, fall.high, tolerance)
        sentence = f"AUROC lost with {TITLES[change]} {_number(fall)}.{changed}"
        found.append(Verdict(f"{says}: {_STAYS[change]}", outcome, sentence))
    return found


_STAYS = {
    MARKERS: "does not need letters in the margins",
    SAME_LABELS: "is not bound to one patient's film",
    MIRRORED: "works on mirrored films",
    **{name: change.check for name, change in HARMLESS.items()},
    OTHER_WORDS: "understands the prompts in other words",
}


def _beyond_view(headline: Metric, says: str, tolerance: float) -> Verdict:
    name = f"{says}: knows more than the view"
    if "view_only" not in headline.over_baselines:
        return Verdict(name, "not tested", "Nothing is known of the views.")
    value, low, high = headline.over_baselines["view_only"]
    alone = headline.baselines["view_only"]
    sentence = (
        f"The frequencies at its view alone give AUROC {alone:.3f}; the model has "
        f"{_signed(value, low, high)}."
    )
    return Verdict(name, should_fall(low, high, tolerance), sentence)


def _reads(by_name: Mapping[str, Metric], question: str, says: str, tolerance: float) -> Verdict:
    reads = by_name[f"{question}/boxes/{READS}"]
    name = f"{says}: reads the finding where it is"
    if reads.value is None:
        return Verdict(name, "not tested", reads.note or "")
    auroc = by_name[f"{question}/boxes/auroc"].baselines
    sentence = (
        f"AUROC of findings with boxes {_number(by_name[f'{question}/boxes/auroc'])}; with the finding "
        f"occluded {auroc[INSIDE]:.3f}, with an equal area elsewhere occluded {auroc[OUTSIDE]:.3f}: "
        f"a difference of {_number(reads)}."
    )
    return Verdict(name, should_fall(reads.low, reads.high, tolerance), sentence)


def _against(by_name: Mapping[str, Metric], name: str, says: str, tolerance: float) -> list[Verdict]:
    """Whether a score falls with a blank film, and lies above what is known without any film."""
    if name not in by_name:
        return []
    metric, group = by_name[name], name.partition("/")[0]
    found = []
    for baseline, check in ((BLANK, "looks at the film"), ("prior_only", "knows more than the usual place")):
        if baseline in metric.over_baselines:
            value, low, high = metric.over_baselines[baseline]
            words = baseline.replace("_", " ")
            sentence = f"{says.capitalize()} {_number(metric)}; {words} {metric.baselines[baseline]:.3f}: "
            outcome = should_fall(low, high, tolerance)
            found.append(Verdict(f"{group}: {check}", outcome, f"{sentence}{_signed(value, low, high)}."))
    return found


def _chosen(metric: Metric, kind: str, tolerance: float) -> Verdict:
    check = {
        NEGATION: "tells a prompt from its negation",
        SIDE: "tells left from right",
        SEVERITY: "tells severe from mild",
    }[kind]
    outcome: Outcome = "not tested"
    if metric.low is not None and metric.high is not None:
        outcome = should_fall(metric.low - 0.5, metric.high - 0.5, tolerance)
    beside = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in metric.baselines.items())
    return Verdict(f"prompts: {check}", outcome, f"{metric.title.capitalize()} {_number(metric)}; {beside}.")


def _number(metric: Metric) -> str:
    if metric.value is None:
        return f"not computable ({metric.note})"
    bounds = "" if metric.low is None or metric.high is None else f" [{metric.low:.3f}, {metric.high:.3f}]"
    return f"{metric.value:.3f}{bounds}"


def _signed(value: float, low: float, high: float) -> str:
    return f"{value:+.3f} [{low:.3f}, {high:.3f}]"
