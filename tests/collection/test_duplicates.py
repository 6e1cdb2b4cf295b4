"""Repeats have a kind; a short text that many reports share is usual."""

from __future__ import annotations

import numpy as np
import pytest

from plainfilm.collection.duplicates import IMAGE, REPORT, SHORT_REPORT, Items, repeated
from plainfilm.collection.study_facts import StudyFacts
from tests.collection.in_memory import collection_of

LONG = " ".join(f"word{number}" for number in range(SHORT_REPORT + 1))


def items(patients: list[str], words: int | None) -> Items:
    """An image or report of each patient."""
    rows = [
        {"study_id": str(number), "patient_id": name, "split": "x"} for number, name in enumerate(patients)
    ]
    films = [{"image_id": row["study_id"], "study_id": row["study_id"]} for row in rows]
    facts = StudyFacts([collection_of(studies=rows, images=films)])
    counts = None if words is None else np.full(len(rows), words, np.int32)
    return Items(facts, np.arange(len(rows), dtype=np.int32), counts)


@pytest.mark.parametrize(
    ("kind", "patients", "key", "repeat", "expected"),
    [
        (REPORT, ["a", "b"], "No effusion.", "the same short text in reports of several patients", True),
        (REPORT, ["a", "b"], LONG, "the same long report for several patients", False),
        (REPORT, ["a", "a"], "No effusion.", "the same report for several studies of one patient", False),
        (IMAGE, ["a", "a"], "sha", "the same file, under one patient", False),
        (IMAGE, ["a", "b", "b"], "sha", "the same file, under 2 patients", False),
    ],
)
def test_every_repeat_has_a_kind(kind, patients, key, repeat, expected):
    words = len(key.split()) if kind == REPORT else None
    (entry,) = repeated(items(patients, words), kind, [np.arange(len(patients))])
    assert (entry["repeat"], entry["expected"]) == (repeat, expected)
    assert entry.get("words") == words
    assert entry["ids"] == [str(number) for number in range(len(patients))]


def test_the_largest_group_is_first_and_few_ids_are_shown():
    entries = list(repeated(items(["a"] * 12, None), IMAGE, [np.array([1, 3]), np.arange(4, 12)]))
    assert [(entry["n"], entry["ids"]) for entry in entries] == [
        (8, ["4", "5", "6", "7", "8"]),
        (2, ["1", "3"]),
    ]
