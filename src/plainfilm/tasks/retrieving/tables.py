"""What an evaluation of retrieval keeps: raw answers, terms per query, and a few examples to look at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from plainfilm.bank.compose import Answers
from plainfilm.metrics.findings import BLANK, States, agreement
from plainfilm.seeding import generator
from plainfilm.tasks.base import Shown
from plainfilm.tasks.retrieving.sides import Embedded, Queries

EXAMPLES = 8
"""Queries shown per direction; drawn at random, neither best nor worst."""


def named(states: States, observations: Sequence[str]) -> dict[str, int]:
    """One row of states (C,) by observation, blanks left out."""
    return {name: int(state) for name, state in zip(observations, states, strict=True) if state != BLANK}


def predictions_table(
    direction: str, queries: Queries, bank: Embedded, answers: Answers, observations: Sequence[str]
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


def examples(
    direction: str,
    queries: Queries,
    bank: Embedded,
    answers: Answers,
    observations: Sequence[str],
    seed: int,
) -> list[Shown]:
    """Some queries, drawn by `seed`, with what was answered."""
    count = min(EXAMPLES, len(queries))
    chosen = np.sort(generator(seed, "examples", direction).choice(len(queries), count, replace=False))
    shown = []
    for query in chosen:
        source = queries.side.items.frame.iloc[queries.rows[query]]
        places = np.flatnonzero(answers.kept[query])
        shown.append(
            Shown(
                title=f"{direction}: {queries.ids[query]}",
                query_image=source["image"],
                query_text=source["text"],
                query_labels=named(queries.states[query], observations),
                answers=tuple(
                    _answer(int(place) + 1, answers, int(query), bank, queries.states[query], observations)
                    for place in places
                ),
            )
        )
    return shown


def _answer(
    rank: int, answers: Answers, query: int, bank: Embedded, wanted: States, observations: Sequence[str]
) -> dict[str, Any]:
    row = answers.indices[query, rank - 1]
    item, states = bank.items.frame.iloc[row], bank.states[row]
    worth = agreement(wanted, states)
    stated = {name: int(one) for name, one, s in zip(observations, worth, states, strict=True) if s != BLANK}
    verdict = False if (worth < 0).any() else (True if (worth > 0).any() else None)
    return {
        "rank": rank,
        "score": float(answers.scores[query, rank - 1]),
        "text": item["text"],
        "image": item["image"],
        "labels": named(states, observations),
        "agreement": stated,
        "agrees": verdict,
    }
