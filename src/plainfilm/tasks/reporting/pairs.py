"""Scores pairs of texts: from references and candidates to metrics, tables and figures, by one way."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.metrics.label_f1 import outcomes as label_outcomes
from plainfilm.metrics.label_f1 import report_f1
from plainfilm.metrics.scores import Score, Statistics, count
from plainfilm.progress import SILENT, Progress
from plainfilm.tasks.base import Figure, IntervalFigure, Metric, ScoreTable, Series
from plainfilm.tasks.reporting.radeval_bridge import radeval_group
from plainfilm.tasks.reporting.scores import (
    FINDINGS,
    POSITIVE_ONLY,
    SIDE_AGREEMENT,
    TEXT,
    ReadReport,
    ReportReader,
    ScoreGroup,
    TextSettings,
    common_identity,
    score_groups,
)
from plainfilm.tasks.reporting.text_files import BASELINE_COLUMN
from plainfilm.tasks.scoring.measure import (
    Measured,
    Resampling,
    items_table,
    measure,
    measure_subgroups,
)

REFERENCES = "references"
"""The column of the references' own length and repetition, beside the baselines."""


@dataclass(frozen=True)
class ReportPairs:
    """N references with a candidate each.

    ids, patients: (N,). baselines: by name, one or several draws of N texts each. sections: what text the
    references are, such as a text rule. studies: facts of each study for the examples and files.
    """

    ids: Sequence[str]
    patients: Sequence[str]
    references: Sequence[str]
    candidates: Sequence[str]
    sections: str
    baselines: Mapping[str, Sequence[Sequence[str]]] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str:
        """Identifies the references: results about the same ones can be compared."""
        rows = sorted(zip(map(str, self.ids), self.references, strict=True))
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


@dataclass(frozen=True)
class ScoredReports:
    """What pairs came to: metrics, the table of items for comparison, and what to show."""

    pairs: ReportPairs
    reader: ReportReader
    references: list[ReadReport]
    candidates: list[ReadReport]
    metrics: tuple[Metric, ...]
    items: pd.DataFrame
    predictions: pd.DataFrame

    @property
    def protocol(self) -> dict[str, Any]:
        """What decides the scores beside the model."""
        settings = self.reader.settings
        return {
            **settings.model_dump(mode="json"),
            "interval": f"95 %, percentile bootstrap of {settings.resamples} resamples of patients",
            "sections": self.pairs.sections,
            "references": self.pairs.fingerprint,
            "labels": self.reader.labeller.origin,
            "words_per_report": {
                "references": _mean_words(self.references),
                "candidates": _mean_words(self.candidates),
            },
        }

    @property
    def tables(self) -> tuple[ScoreTable, ...]:
        """F1, precision and recall by observation."""
        columns = {
            "F1": f"{FINDINGS}/f1",
            "precision": f"{FINDINGS}/precision",
            "recall": f"{FINDINGS}/recall",
            "F1, positive only": f"{POSITIVE_ONLY}/f1",
        }
        return (
            ScoreTable(
                "Findings",
                f"By the Plainfilm labeller ({self.reader.labeller.origin}); uncertain counts as positive, "
                "but in the last column.",
                "observation",
                tuple(columns),
                {
                    name: tuple(f"{one}/{name}" for one in columns.values())
                    for name in self.reader.observations
                },
            ),
        )

    @property
    def figures(self) -> tuple[Figure, ...]:
        """F1 of every observation that a reference states, with the baselines."""
        prefix = f"{FINDINGS}/f1/"
        found = [one for one in self.metrics if one.name.startswith(prefix) and one.support]
        ordered = sorted(found, key=lambda one: (one.support or 0, one.name))
        if not ordered:
            return ()
        names = dict.fromkeys(name for one in ordered for name in one.baselines)
        return (
            IntervalFigure(
                title="F1 per finding",
                x_label="F1, uncertain as positive; 95 % interval by patient; (positive references)",
                rows=tuple(f"{one.name.removeprefix(prefix)} ({one.support})" for one in ordered),
                series=(
                    Series("model", tuple(one.as_point() for one in ordered)),
                    *(
                        Series(name, tuple(one.baseline_point(name) for one in ordered), is_baseline=True)
                        for name in names
                    ),
                ),
            ),
        )


def score_pairs(
    pairs: ReportPairs,
    settings: TextSettings,
    parts: Mapping[str, NDArray[np.bool_]] | None = None,
    progress: Progress = SILENT,
) -> ScoredReports:
    """Score all candidates and baselines; `parts` are subgroups of the studies (name → mask)."""
    reader = ReportReader(settings)
    references, candidates = reader.read(pairs.references), reader.read(pairs.candidates)
    baselines = {name: [reader.read(draw) for draw in draws] for name, draws in pairs.baselines.items()}
    resampling = Resampling(_number, settings.resamples, settings.seed)
    metrics: list[Metric] = []
    items, values = [], {}
    common = common_identity(settings, pairs.sections)
    groups = score_groups(reader, references, common)
    if settings.radeval:
        groups.append(radeval_group(settings.radeval, references, common))
    for group in progress.track(groups, len(groups), "scoring"):
        measured = _measured(group, references, candidates, baselines, np.asarray(pairs.patients, dtype=str))
        metrics += measure(measured, group.scores, resampling)
        chosen = [score for score in group.scores if group.name == FINDINGS and "micro" in score.name][:1]
        metrics += measure_subgroups(measured, chosen, parts or {}, resampling)
        items.append(items_table(measured, np.asarray(pairs.ids, dtype=str)))
        values[group.name] = measured.values
    supported = [_with_support(one, reader, references) for one in metrics]
    return ScoredReports(
        pairs,
        reader,
        references,
        candidates,
        tuple(supported),
        pd.concat(items, ignore_index=True),
        _predictions(pairs, reader, references, candidates, values[TEXT]),
    )


def _number(score: Score, values: Statistics) -> int:
    """The number of reports; of the agreement of sides, those in which both texts name a side."""
    return count(score, values) if score.name == SIDE_AGREEMENT else len(values[score.parts[0]])


def _measured(
    group: ScoreGroup,
    references: Sequence[ReadReport],
    candidates: Sequence[ReadReport],
    baselines: Mapping[str, Sequence[Sequence[ReadReport]]],
    patients: NDArray[np.str_],
) -> Measured:
    trivial = {
        name: _mean([group.statistics(references, draw) for draw in draws])
        for name, draws in baselines.items()
    }
    if not group.needs_reference:
        trivial[REFERENCES] = group.statistics(references, references)
    return Measured(group.name, group.statistics(references, candidates), trivial, patients, group.heading)


def _mean(draws: Sequence[Statistics]) -> Statistics:
    return {name: np.mean([one[name] for one in draws], axis=0) for name in draws[0]}


def _with_support(metric: Metric, reader: ReportReader, references: Sequence[ReadReport]) -> Metric:
    """Add the number of positive references to the metrics of an observation."""
    group, _, rest = metric.name.partition("/")
    name = rest.partition("/")[2]
    if name not in reader.observations:
        return metric
    positive = (1, -1) if group == FINDINGS else (1,)
    count = sum(one.findings.states.get(name) in positive for one in references)
    return replace(metric, support=count)


def _predictions(
    pairs: ReportPairs,
    reader: ReportReader,
    references: Sequence[ReadReport],
    candidates: Sequence[ReadReport],
    text: Statistics,
) -> pd.DataFrame:
    """One row per pair: the texts, what they state, and the scores of the pair."""
    counts = label_outcomes(reader.states(references), reader.states(candidates), "positive")
    by_report = ("rouge_l", "meteor", "cider", "cider_d")
    return pd.DataFrame(
        {
            "query_id": np.asarray(pairs.ids, dtype=str),
            "patient_id": np.asarray(pairs.patients, dtype=str),
            "reference": list(pairs.references),
            "candidate": list(pairs.candidates),
            **{f"{BASELINE_COLUMN}{name}": list(draws[0]) for name, draws in pairs.baselines.items()},
            "reference_labels": [_as_json(one) for one in references],
            "candidate_labels": [_as_json(one) for one in candidates],
            **{name: text[name][:, 0] for name in by_report},
            "f1": report_f1(counts),
        }
    )


def _as_json(report: ReadReport) -> str:
    states = {name: int(state) for name, state in report.findings.states.items()}
    return json.dumps({"states": states, "sides": dict(report.findings.sides)})


def _mean_words(reports: Sequence[ReadReport]) -> float:
    return round(float(np.mean([len(one.words) for one in reports])), 2) if reports else 0.0
