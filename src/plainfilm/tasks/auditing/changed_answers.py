"""How the answers about observations, and their AUROC, change with the film.

For every observation a film is called positive from the score on that calls as many of the unchanged films
positive as are labelled so. The answer about a film is the set of observations that are called positive.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.metrics.bootstrap import Interval, PatientBootstrap
from plainfilm.metrics.classification import truth_codes
from plainfilm.metrics.coded import Pairs
from plainfilm.metrics.scores import (
    Statistics,
    count,
    differences,
    intervals,
    ranking_statistics,
    ratio_statistics,
)
from plainfilm.tasks.auditing.asking import Floats, Question
from plainfilm.tasks.auditing.audited_films import (
    AS_IT_IS,
    BLANK,
    CHANGES,
    MUST_REACT,
    OTHER_LABELS,
    OTHER_WORDS,
    TITLES,
    AuditedFilms,
    Occlusion,
)
from plainfilm.tasks.auditing.prior import Prior
from plainfilm.tasks.base import IntervalFigure, Metric, ScoreTable, Series
from plainfilm.tasks.film_classification.thresholds import (
    Truth,
    known_statistics,
    number_of_films,
    observation_scores,
    score_statistics,
)
from plainfilm.tasks.scoring.measure import (
    LEAST,
    DescribedScore,
    Measured,
    Resampling,
    items_table,
    measure,
    of_subgroup,
)
from plainfilm.types import Better

Kept = NDArray[np.bool_]
LOST, OTHER_ANSWER, KEPT = "lost", "other_answer", "kept"
INSIDE, OUTSIDE, READS = "finding_occluded", "elsewhere_occluded", "reads_finding"
NO_CHANGE = {"no_change": 0.0}


@dataclass(frozen=True)
class Part:
    """What an audit of one question found. items: see `Results.items`. shown: the scores (N, C) under every
    change. called: (N, C) bool of the films as they are."""

    metrics: list[Metric]
    table: ScoreTable
    items: pd.DataFrame
    shown: Mapping[str, Floats]
    called: NDArray[np.bool_]


def audit(question: Question, audited: AuditedFilms, prior: Prior, resampling: Resampling) -> Part:
    """Ask about all films as they are and under every change; see the module."""
    names = question.observations
    columns = tuple(audited.films.observations.index(name) for name in names)
    picked = list(columns)
    truth = Truth(names, audited.films.positive[:, picked], audited.films.known[:, picked])
    shown = {
        change: audited.answers(question.name, change, question.ask)
        for change in (AS_IT_IS, *CHANGES)
        if change != OTHER_WORDS
    }
    if question.in_other_words is not None:
        shown[OTHER_WORDS] = audited.answers(f"{question.name} again", AS_IT_IS, question.in_other_words)
    made = _Audit(question, audited, truth, shown, resampling)
    metrics = made.headline(prior.by_view[:, picked])
    metrics += made.pooled(prior.frequency[:, picked])
    table, more = made.changed()
    metrics += more
    occlusions = [one for one in audited.occlusions if one.column in columns]
    metrics += made.occluded(occlusions, columns)
    return Part(metrics, table, made.items, shown, made.called(AS_IT_IS))


def metric(name: str, title: str, interval: Interval, n: int, better: Better, **more: object) -> Metric:
    """A metric of an interval."""
    values = (interval.value, interval.low, interval.high, n)
    return Metric(name, *values, note=interval.note, title=title, better=better, **more)  # type: ignore[arg-type]


class _Audit:
    """One question, the truth (N, C), and its scores (N, C) under every change."""

    def __init__(
        self,
        question: Question,
        audited: AuditedFilms,
        truth: Truth,
        shown: Mapping[str, Floats],
        resampling: Resampling,
    ) -> None:
        self.question, self.audited, self.truth, self.shown = question, audited, truth, shown
        self.resampling = resampling
        self.group = question.name
        self.heading = question.name.replace("_", "-")
        self.auroc, *_ = observation_scores("auroc", "AUROC", "higher", truth.observations)
        self.values = {change: self._statistics(scores) for change, scores in shown.items()}
        patients = audited.films.patients
        self.every: Kept = np.ones(len(patients), dtype=bool)
        self.measured = Measured(self.group, self.values[AS_IT_IS], {}, patients, self.heading)
        self.items = items_table(self.measured, audited.films.ids)

    def _statistics(self, scores: Floats) -> Statistics:
        return {**known_statistics(self.truth), **score_statistics(scores, self.truth)}

    def headline(self, by_view: Floats) -> list[Metric]:
        """AUROC as it is, beside what is known without looking at the findings."""
        baselines = {
            "view_only": self._statistics(by_view),
            BLANK: self.values[BLANK],
        }
        measured = Measured(
            self.group, self.values[AS_IT_IS], baselines, self.measured.patients, self.heading
        )
        return self.audited.measure(measured, self.auroc, self.resampling)

    def pooled(self, frequency: Floats) -> list[Metric]:
        """AUROC over all pairs of film and observation: here frequencies alone are worth something."""
        rows, columns = np.nonzero(self.truth.known)
        codes = truth_codes(self.truth.positive[rows, columns])

        def pairs(scores: Floats) -> Statistics:
            return {"pairs": ranking_statistics(scores[rows, columns], codes)}

        baselines = {"prior_only": pairs(frequency), BLANK: pairs(self.shown[BLANK])}
        patients = self.measured.patients[rows]
        measured = Measured(
            f"{self.group}/pairs", pairs(self.shown[AS_IT_IS]), baselines, patients, self.heading
        )
        score = DescribedScore(
            "auroc_pooled", "auroc", ("pairs",), "AUROC over all films and observations", "higher"
        )
        counted = Resampling(count, self.resampling.resamples, self.resampling.seed)
        return self.audited.measure(measured, score, counted, rows)

    def changed(self) -> tuple[ScoreTable, list[Metric]]:
        """For every change the AUROC, what is lost of it, and how often the answer differs."""
        changes = [change for change in CHANGES if change in self.shown]
        metrics = [one for change in changes for one in self._under(change)]
        kinds = ("auroc", LOST, *_ANSWERS)
        table = ScoreTable(
            title=f"Changed films: {self.heading}",
            introduction=_TABLE,
            row_heading="shown instead of the film",
            columns=("AUROC", "AUROC lost", "films with another answer", "calls kept"),
            rows={
                TITLES[change]: tuple(f"{self.group}/{change}/{kind}" for kind in kinds) for change in changes
            },
        )
        return table, metrics

    def _under(self, change: str) -> list[Metric]:
        title = TITLES[change]
        before, after = self.values[AS_IT_IS], self.values[change]
        measured = Measured(
            f"{self.group}/{change}", after, {AS_IT_IS: before}, self.measured.patients, self.heading
        )
        score = DescribedScore("auroc", "auroc", self.auroc.parts, f"AUROC with {title}", "higher")
        found = measure(measured, [score], self.resampling)
        found += self._lost(change, self.every)
        for name, kept in self.audited.parts.items():
            found += [of_subgroup(one, name) for one in self._lost(change, kept)]
        return found

    def _lost(self, change: str, kept: Kept) -> list[Metric]:
        """What is lost under a change over the films that are `kept` (N,), and how their answers differ."""
        group, title = f"{self.group}/{change}", TITLES[change]
        bootstrap = self._bootstrap(kept)
        before, after = (
            {part: values[kept] for part, values in self.values[one].items()} for one in (AS_IT_IS, change)
        )
        reacts: Better = "higher" if change in MUST_REACT else "lower"
        stays: Better = "lower" if change in MUST_REACT else "higher"
        about = {"group": group, "heading": self.heading}
        lost = differences([self.auroc], before, after, bootstrap)[0]
        n = number_of_films(self.auroc, before)
        found = [
            metric(
                f"{group}/{LOST}", f"AUROC lost with {title}", lost, n, reacts, **about, baselines=NO_CHANGE
            )
        ]
        for name, says in _ANSWERS.items():
            own, other = (self._answers(one)[name][kept] for one in (change, OTHER_LABELS))
            share, base = _share(own, bootstrap), _share(other, bootstrap)
            better, n = (stays if name == KEPT else reacts), int((own[:, 1] > 0).sum())
            baselines = {} if base.value is None else {"another_film": base.value}
            words = (f"{group}/{name}", f"{says} with {title}")
            found.append(metric(*words, share, n, better, **about, baselines=baselines))
        return found

    def _bootstrap(self, kept: Kept) -> PatientBootstrap:
        patients = self.measured.patients[kept]
        return PatientBootstrap(patients, self.resampling.resamples, self.resampling.seed)

    def _answers(self, change: str) -> dict[str, Pairs]:
        """Statistics (N, 2) of other answers, and of calls that are kept."""
        before, after = self.called(AS_IT_IS), self.called(change)
        return {
            OTHER_ANSWER: ratio_statistics((before != after).any(axis=1)),
            KEPT: ratio_statistics((before & after).sum(axis=1), before.sum(axis=1)),
        }

    def called(self, change: str) -> NDArray[np.bool_]:
        """(N, C) whether an observation is called positive."""
        called: NDArray[np.bool_] = self.shown[change] >= self.thresholds
        return called

    @property
    def thresholds(self) -> Floats:
        """(C,) the scores from which observations are called positive."""
        own = self.shown[AS_IT_IS]
        if self.question.called_from is not None:
            return np.full(own.shape[1], self.question.called_from)
        found = []
        for column in range(own.shape[1]):
            known = self.truth.known[:, column]
            ordered = np.sort(own[known, column])[::-1]
            positives = int((self.truth.positive[:, column] & known).sum())
            found.append(float(ordered[positives - 1]) if positives else np.inf)
        return np.array(found)

    def occluded(self, occlusions: Sequence[Occlusion], columns: tuple[int, ...]) -> list[Metric]:
        """AUROC of the findings with boxes against films without them: as they are, with the finding
        occluded, and with an equal area elsewhere occluded."""
        usable = [one for one in occlusions if one.outside is not None]
        own = self.shown[AS_IT_IS]
        positive = np.zeros(own.shape, dtype=bool)
        scores = {name: own.copy() for name in (AS_IT_IS, INSIDE, OUTSIDE)}
        for name in (INSIDE, OUTSIDE) if usable else ():
            asked = self.question.ask(self.audited.occluded(usable, inside=name == INSIDE))
            for one, answer in zip(usable, asked, strict=True):
                column = columns.index(one.column)
                positive[one.row, column] = True
                scores[name][one.row, column] = answer[column]
        negative = self.truth.known & ~self.truth.positive
        truth = Truth(self.truth.observations, positive, positive | negative)
        values = {
            name: {**known_statistics(truth), **score_statistics(one, truth)} for name, one in scores.items()
        }
        group = f"{self.group}/boxes"
        measured = Measured(
            group,
            values[AS_IT_IS],
            {INSIDE: values[INSIDE], OUTSIDE: values[OUTSIDE]},
            self.measured.patients,
            f"{self.heading}, findings with boxes",
        )
        score = DescribedScore("auroc", "auroc", self.auroc.parts, "AUROC of findings with boxes", "higher")
        found = measure(measured, [score], self.resampling) if usable else []
        found.append(self._reads(score, values, usable, self.every))
        for name, kept in self.audited.parts.items():
            within = [one for one in usable if kept[one.row]]
            if len(within) >= LEAST:
                found.append(of_subgroup(self._reads(score, values, within, kept), name))
        return found

    def _reads(
        self,
        score: DescribedScore,
        values: Mapping[str, Statistics],
        usable: Sequence[Occlusion],
        kept: Kept,
    ) -> Metric:
        """How much more is lost by occluding the findings than elsewhere, over the films that are `kept`."""
        inside, outside = (
            {part: pairs[kept] for part, pairs in values[one].items()} for one in (INSIDE, OUTSIDE)
        )
        reads = differences([score], outside, inside, self._bootstrap(kept))[0]
        if not usable:
            reads = Interval(None, None, None, "not computable: no finding has a box with room beside it")
        group, heading = f"{self.group}/boxes", f"{self.heading}, findings with boxes"
        about = {"group": group, "heading": heading, "headline": True, "baselines": NO_CHANGE}
        title = "AUROC lost by occluding the finding, beyond what an equal area elsewhere costs"
        return metric(f"{group}/{READS}", title, reads, len(usable), "higher", **about)


def _share(statistics: Pairs, bootstrap: PatientBootstrap) -> Interval:
    score = DescribedScore("share", "ratio", ("share",), "share", "lower")
    return intervals([score], {"share": statistics}, bootstrap)[0]


def loss_figure(metrics: Sequence[Metric], questions: Sequence[str]) -> IntervalFigure:
    """The AUROC lost with every change, by question."""
    by_name = {one.name: one for one in metrics}
    series = tuple(
        Series(
            question.replace("_", "-"),
            tuple(
                by_name[name].as_point() if (name := f"{question}/{change}/{LOST}") in by_name else None
                for change in reversed(CHANGES)
            ),
        )
        for question in questions
    )
    edges = [edge for one in series for point in one.points if point for edge in point]
    return IntervalFigure(
        title="AUROC lost",
        x_label="AUROC lost when this is shown instead of the film; 95 % interval by patient",
        rows=tuple(TITLES[change] for change in reversed(CHANGES)),
        series=series,
        reference=0.0,
        limits=(min([-0.1, *edges]), max([0.5, *edges])),
    )


_TABLE = (
    "What becomes of the answers when the model is shown something else than the film. Another answer: the "
    "set of observations called positive differs. Calls kept: of the observations called positive on the "
    "film as it is, those that still are."
)
_ANSWERS = {OTHER_ANSWER: "films with another answer", KEPT: "calls kept"}
