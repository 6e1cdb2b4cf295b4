"""Pairs of prompts that differ in one word: a negation, a side, a severity. Which one is nearer to a film?

Sides come from boxes that lie on one side of a frontal film, else from the report; severities from the
report, as Plainfilm's labeller reads it. Equally near prompts count half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from plainfilm.metrics.classification import truth_codes
from plainfilm.metrics.scores import Statistics, count, ranking_statistics, ratio_statistics
from plainfilm.tasks.auditing.asking import Floats
from plainfilm.tasks.auditing.audited_films import AS_IT_IS, BLANK, MIRRORED, AuditedFilms
from plainfilm.tasks.base import Metric
from plainfilm.tasks.reporting.scores import ReadReport
from plainfilm.tasks.scoring.measure import DescribedScore, Measured, Resampling
from plainfilm.text.laterality import mirrored
from plainfilm.types import State, View

NEGATION, SIDE, SEVERITY = "negation", "side", "severity"
PAIRS = {
    NEGATION: ("There is {}.", "There is no {}."),
    SIDE: ("There is {} on the left.", "There is {} on the right."),
    SEVERITY: ("There is severe {}.", "There is mild {}."),
}
HEADING = "prompts that differ in one word"
_SLIGHT, _SEVERE = frozenset({"minimal", "mild"}), frozenset({"severe"})
_NOT_A_FINDING = "No Finding"


@dataclass(frozen=True)
class Pairs:
    """Items, each a film and an observation. rows: (M,) of films. names: of observations. truth: (M,) bool,
    whether the first prompt of the pair is true."""

    rows: list[int]
    names: list[str]
    truth: list[bool]

    def add(self, row: int, name: str, is_first: bool) -> None:
        """One more item."""
        self.rows.append(row)
        self.names.append(name)
        self.truth.append(is_first)


def audit(audited: AuditedFilms, reports: Mapping[int, ReadReport], resampling: Resampling) -> list[Metric]:
    """The pairs that labels, boxes and reports know the truth of; `reports` of films by row."""
    asker = _Asker(audited)
    metrics = []
    for kind, items in (
        (NEGATION, negations(audited)),
        (SIDE, sides(audited, reports)),
        (SEVERITY, severities(audited, reports)),
    ):
        if len(set(items.truth)) == 2:
            values, baselines = asker.severity(items) if kind == SEVERITY else asker.choices(kind, items)
            patients = audited.films.patients[items.rows]
            measured = Measured(kind, values, baselines, patients, HEADING)
            counted = Resampling(count, resampling.resamples, resampling.seed)
            metrics += audited.measure(measured, _score(kind, items), counted, items.rows)
    return metrics


def _score(kind: str, items: Pairs) -> DescribedScore:
    if kind == SEVERITY:
        parts = tuple(dict.fromkeys(items.names))
        return DescribedScore(SEVERITY, "auroc", parts, "severe against mild, AUROC", "higher")
    title = {
        NEGATION: "presence or absence told, balanced accuracy",
        SIDE: "left or right told, balanced accuracy",
    }[kind]
    return DescribedScore(kind, "mean", ("first", "second"), title, "higher")


def negations(audited: AuditedFilms) -> Pairs:
    """Every observation that is known of a film."""
    films, items = audited.films, Pairs([], [], [])
    for row, column in np.argwhere(films.known).tolist():
        name = films.observations[column]
        if name != _NOT_A_FINDING:
            items.add(row, name, bool(films.positive[row, column]))
    return items


def sides(audited: AuditedFilms, reports: Mapping[int, ReadReport]) -> Pairs:
    """Every positive observation on one side of a frontal film; left is first."""
    films, items = audited.films, Pairs([], [], [])
    for row, column in np.argwhere(films.positive & films.known).tolist():
        name = films.observations[column]
        if audited.views[row] is View.LATERAL:
            continue
        boxes = audited.boxes.get((row, name))
        side = reports[row].findings.sides.get(name) if boxes is None and row in reports else None
        if boxes is not None:
            middle = audited.array(row).shape[1] / 2
            # The patient's left is at the right of the film.
            side = (
                "left"
                if (boxes[:, 0] >= middle).all()
                else "right"
                if (boxes[:, 2] <= middle).all()
                else None
            )
        if side in ("left", "right"):
            items.add(row, name, side == "left")
    return items


def severities(audited: AuditedFilms, reports: Mapping[int, ReadReport]) -> Pairs:
    """Every positive observation that the report calls mild or severe, and not both; severe is first."""
    films, items = audited.films, Pairs([], [], [])
    for row, report in reports.items():
        said = _severities_said(report)
        for column in np.flatnonzero(films.positive[row] & films.known[row]).tolist():
            name = films.observations[column]
            words = said.get(name, set())
            if words and (words <= _SLIGHT or words <= _SEVERE):
                items.add(row, name, words <= _SEVERE)
    return items


def _severities_said(report: ReadReport) -> dict[str, set[str]]:
    """The severities that a report states, by observation that it calls positive."""
    said: dict[str, set[str]] = {}
    for label in (label for _, labels in report.findings.sentences for label in labels):
        stated = dict(label.attributes).get(SEVERITY, "")
        if label.state == State.POSITIVE and stated:
            said.setdefault(label.observation, set()).update(stated.split(","))
    return said


class _Asker:
    """Compares films with pairs of prompts."""

    def __init__(self, audited: AuditedFilms) -> None:
        self._audited = audited

    def _preference(self, kind: str, items: Pairs, change: str, *, swapped: bool = False) -> Floats:
        """(M,) by how much each film is nearer to the first prompt than to the second."""
        predictor = self._audited.predictor
        films = self._audited.answers("vectors", change, predictor.encode_images)
        known = list(dict.fromkeys(items.names))
        texts = [pattern.format(name.lower()) for name in known for pattern in PAIRS[kind]]
        texts = [mirrored(text) for text in texts] if swapped else texts
        vectors = predictor.encode_texts(texts).astype(np.float64).reshape(len(known), 2, -1)
        chosen = vectors[[known.index(name) for name in items.names]]
        between = chosen[:, 0] - chosen[:, 1]
        preferences: Floats = (films[items.rows].astype(np.float64) * between).sum(axis=1)
        return preferences

    def choices(self, kind: str, items: Pairs) -> tuple[Statistics, dict[str, Statistics]]:
        """Statistics of the right choice, and of what chooses without the film."""
        truth = np.array(items.truth)

        def right(preference: Floats) -> Statistics:
            share = np.where(truth, preference > 0, preference < 0) + 0.5 * (preference == 0)
            return {
                "first": ratio_statistics(share * truth, truth),
                "second": ratio_statistics(share * ~truth, ~truth),
            }

        baselines = {
            BLANK: right(self._preference(kind, items, BLANK)),
            "prior_only": right(_commoner(items)),
        }
        if kind == SIDE:
            flipped = self._preference(kind, items, MIRRORED)
            # With its words mirrored a pair has the same truth on a mirrored film.
            both = self._preference(kind, items, MIRRORED, swapped=True)
            baselines |= {"mirrored_film_and_words": right(both), "mirrored_film_same_words": right(flipped)}
        return right(self._preference(kind, items, AS_IT_IS)), baselines

    def severity(self, items: Pairs) -> tuple[Statistics, dict[str, Statistics]]:
        """Ranking statistics by observation, and those of a blank film."""
        names, truth = np.array(items.names), np.array(items.truth)

        def ranked(preference: Floats) -> Statistics:
            return {
                name: ranking_statistics(preference, truth_codes(truth, names == name))
                for name in dict.fromkeys(items.names)
            }

        pair = (self._preference(SEVERITY, items, change) for change in (AS_IT_IS, BLANK))
        values, blank = (ranked(one) for one in pair)
        return values, {BLANK: blank}


def _commoner(items: Pairs) -> Floats:
    """(M,) above 0 where the first prompt is true of most films with this observation."""
    names, truth = np.array(items.names), np.array(items.truth, dtype=np.float64)
    found = np.empty(len(names))
    for name in dict.fromkeys(items.names):
        found[names == name] = truth[names == name].mean() - 0.5
    return found


def similarity_of_pairs(audited: AuditedFilms, names: Sequence[str]) -> dict[str, float]:
    """The mean cosine of the two texts of each kind of pair: at 1, no film could tell them apart."""
    found = {}
    for kind, patterns in PAIRS.items():
        first, second = (
            audited.predictor.encode_texts([pattern.format(name.lower()) for name in names])
            for pattern in patterns
        )
        found[kind] = round(float((first * second).sum(axis=1).mean()), 4)
    return found
