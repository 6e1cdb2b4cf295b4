"""Examples of generated reports: film, both texts by sentence, and where they agree or conflict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plainfilm.labelling.texts import LATERALITY
from plainfilm.metrics.findings import NOT_MENTIONED, agreement, state_matrix
from plainfilm.seeding import generator
from plainfilm.tasks.base import Agreement, Example, ShownImage, ShownLabel, ShownSentence
from plainfilm.tasks.reporting.pairs import ScoredReports
from plainfilm.tasks.reporting.scores import ReadReport
from plainfilm.types import Label

EXAMPLES = 12
"""Number of examples; drawn at random, neither best nor worst."""
INTRODUCTION = (
    "Drawn at random, neither best nor worst. Every sentence is compared with the whole other text: a "
    "finding of the reference that the model does not mention conflicts, and so does one that it adds, or "
    "places on the other side."
)
LEGEND: dict[Agreement, str] = {
    "agrees": "the other text states the same",
    "contradicts": "the other text states the opposite, another side, or does not mention it",
    "open": "no finding, or open",
}
_AGREEMENT: dict[int, Agreement] = {1: "agrees", -1: "contradicts", 0: "open"}


def examples(scored: ScoredReports, images: Sequence[Sequence[ShownImage]] | None = None) -> list[Example]:
    """Some pairs, drawn by the seed, each with the first of its `images`, if there are any."""
    count = min(EXAMPLES, len(scored.references))
    random = generator(scored.reader.settings.seed, "examples of reports")
    chosen = np.sort(random.choice(len(scored.references), count, replace=False))
    return [_example(scored, int(place), images[place] if images is not None else ()) for place in chosen]


def _example(scored: ScoredReports, place: int, images: Sequence[ShownImage]) -> Example:
    reference, candidate = scored.references[place], scored.candidates[place]
    films = f", {len(images)} films" if len(images) > 1 else ""
    return Example(
        title=f"{scored.pairs.ids[place]}{films}",
        image=images[0] if images else None,
        sentences=(
            *_held_against(reference, candidate, "reference", scored.reader.observations),
            *_held_against(candidate, reference, "model", scored.reader.observations),
        ),
        labels=_labels(candidate, reference, scored.reader.observations),
    )


def _held_against(
    report: ReadReport, other: ReadReport, role: str, observations: Sequence[str]
) -> list[ShownSentence]:
    shown = [
        ShownSentence(sentence, role, agreement=_verdict(labels, other, observations))
        for sentence, labels in report.findings.sentences
    ]
    return shown or [ShownSentence(report.text or "(empty)", role, agreement="open")]


def _verdict(labels: Sequence[Label], other: ReadReport, observations: Sequence[str]) -> Agreement:
    """Of the findings of a sentence: a conflict if one conflicts, otherwise agreement if one agrees."""
    if any(_is_other_side(label, other) for label in labels):
        return "contradicts"
    own = {label.observation: label.state for label in labels}
    known, said = state_matrix([other.findings.states, own], observations)
    worth = agreement(known, said)
    return _AGREEMENT[-1 if (worth < 0).any() else 1 if (worth > 0).any() else 0]


def _is_other_side(label: Label, other: ReadReport) -> bool:
    """Whether a positive finding is on the one side here and on the other there."""
    own = dict(label.attributes).get(LATERALITY)
    return label.state == 1 and {own, other.findings.sides.get(label.observation)} == {"left", "right"}


def _labels(
    candidate: ReadReport, reference: ReadReport, observations: Sequence[str]
) -> tuple[ShownLabel, ...]:
    """What the candidate states, positives first."""
    wanted, said = state_matrix([reference.findings.states, candidate.findings.states], observations)
    worth = agreement(wanted, said)
    shown = [
        ShownLabel(name, int(state), _AGREEMENT[int(verdict)])
        for name, state, verdict in zip(observations, said, worth, strict=True)
        if state != NOT_MENTIONED
    ]
    return tuple(sorted(shown, key=lambda label: {1: 0, -1: 1, 0: 2}[label.state]))
