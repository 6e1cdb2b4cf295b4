"""What an evaluation of retrieval keeps and shows: raw answers, figures, and a few examples."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from plainfilm.bank.selection import RetrievedItems
from plainfilm.metrics.findings import NOT_MENTIONED, States, agreement
from plainfilm.seeding import generator
from plainfilm.tasks.base import (
    Agreement,
    Answer,
    Curve,
    CurveFigure,
    Example,
    Figure,
    IntervalFigure,
    Metric,
    Series,
    ShownImage,
    ShownLabel,
    ShownSentence,
)
from plainfilm.tasks.retrieving.embeddings import Embedded, Queries

EXAMPLES = 8
"""Queries shown per direction; drawn at random, neither best nor worst."""
INTRODUCTION = "Drawn at random, neither best nor worst."
LEGEND: dict[Agreement, str] = {
    "agrees": "the query states the same",
    "contradicts": "the query states the opposite, or does not mention a positive",
    "open": "open",
}
_AGREEMENT: dict[int, Agreement] = {1: "agrees", -1: "contradicts", 0: "open"}


def named(states: States, observations: Sequence[str]) -> dict[str, int]:
    """One row of states (C,) by observation, blanks left out."""
    return {
        name: int(state) for name, state in zip(observations, states, strict=True) if state != NOT_MENTIONED
    }


def predictions_table(
    direction: str, queries: Queries, bank: Embedded, answers: RetrievedItems, observations: Sequence[str]
) -> pd.DataFrame:
    """One row per answer: query, patient, rank, score, the item and what both state (as JSON)."""
    place, rank = np.nonzero(answers.kept)
    rows = answers.indices[place, rank]
    frame = bank.items.frame.iloc[rows].reset_index(drop=True)
    wanted = np.array([json.dumps(named(row, observations)) for row in queries.states], dtype=object)
    said = np.array([json.dumps(named(row, observations)) for row in bank.states], dtype=object)
    return pd.DataFrame(
        {
            "direction": direction,
            "query_id": queries.ids[place],
            "patient_id": queries.patients[place],
            "rank": rank + 1,
            "score": answers.scores[place, rank],
            "kind": frame["kind"],
            "item_id": frame["item_id"],
            "study_id": frame["study_id"],
            "text": frame["text"],
            "query_labels": wanted[place] if len(place) else [],
            "labels": said[rows] if len(rows) else [],
        }
    )


def f1_figure(direction: str, metrics: Sequence[Metric]) -> list[Figure]:
    """F1 of every observation that some query has, beside the baselines; none where there are no labels."""
    prefix = f"{direction}/finding_f1_positive/"
    found = [metric for metric in metrics if metric.name.startswith(prefix) and metric.support]
    ordered = sorted(found, key=lambda metric: (metric.support or 0, metric.name))
    if not ordered:
        return []
    names = [metric.name.removeprefix(prefix).rpartition("@")[0] for metric in ordered]
    baselines = dict.fromkeys(name for metric in ordered for name in metric.baselines)
    return [
        IntervalFigure(
            title=f"F1 per observation, {direction}",
            x_label="F1, positive only; 95 % interval by patient; (positive queries)",
            rows=tuple(f"{name} ({one.support})" for name, one in zip(names, ordered, strict=True)),
            series=(
                Series("model", tuple(metric.as_point() for metric in ordered)),
                *(
                    Series(name, tuple(metric.baseline_point(name) for metric in ordered), is_baseline=True)
                    for name in baselines
                ),
            ),
        )
    ]


def rank_figure(items: pd.DataFrame) -> list[Figure]:
    """The share of queries whose first own item is within a rank, a curve per direction."""
    curves = []
    for direction, rows in items.groupby("group", sort=False):
        ranks = np.sort(rows.loc[rows["rank|denominator"] > 0, "rank|numerator"].to_numpy())
        if len(ranks):
            share = np.arange(1, len(ranks) + 1) / len(ranks)
            curves.append(Curve(str(direction), (1.0, *ranks.tolist()), (0.0, *share.tolist())))
    figure = CurveFigure(
        title="How deep one must look",
        x_label="first item of one's own is within this rank",
        y_label="share of queries",
        curves=tuple(curves),
        step=True,
        log_x=True,
        y_limits=(0.0, 1.0),
    )
    return [figure] if curves else []


def examples(
    direction: str,
    queries: Queries,
    bank: Embedded,
    answers: RetrievedItems,
    observations: Sequence[str],
    seed: int,
) -> list[Example]:
    """Some queries, drawn by `seed`, with what was answered."""
    count = min(EXAMPLES, len(queries))
    chosen = np.sort(generator(seed, "examples", direction).choice(len(queries), count, replace=False))
    shown = []
    for query in chosen:
        source = queries.side.items.frame.iloc[queries.rows[query]]
        places = np.flatnonzero(answers.kept[query])
        stated = named(queries.states[query], observations)
        shown.append(
            Example(
                title=str(queries.ids[query]),
                group=direction,
                image=_image(source["item_id"], source["image"]),
                sentences=(ShownSentence(source["text"], "query"),) if source["text"] else (),
                labels=tuple(ShownLabel(name, state) for name, state in _positives_first(stated)),
                answers=tuple(
                    _answer(int(place), answers, int(query), bank, queries.states[query], observations)
                    for place in places
                ),
            )
        )
    return shown


def _image(image_id: str, path: str | None) -> ShownImage | None:
    return ShownImage(str(image_id), path) if path else None


def _positives_first(labels: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(labels.items(), key=lambda pair: {1: 0, -1: 1, 0: 2}[pair[1]])


def _answer(
    place: int,
    answers: RetrievedItems,
    query: int,
    bank: Embedded,
    wanted: States,
    observations: Sequence[str],
) -> Answer:
    row = answers.indices[query, place]
    item, states = bank.items.frame.iloc[row], bank.states[row]
    worth = agreement(wanted, states)
    verdicts = dict(zip(observations, worth.tolist(), strict=True))
    whole = -1 if (worth < 0).any() else 1 if (worth > 0).any() else 0
    return Answer(
        heading=str(place + 1),
        detail=f"similarity {float(answers.scores[query, place]):.3f}",
        text=item["text"] or None,
        image=_image(item["item_id"], item["image"]),
        labels=tuple(
            ShownLabel(name, state, _AGREEMENT[verdicts[name]])
            for name, state in _positives_first(named(states, observations))
        ),
        agreement=_AGREEMENT[whole],
    )
