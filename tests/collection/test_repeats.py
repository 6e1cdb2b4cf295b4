"""Repeats have a kind; a short text that many reports share is usual."""

from __future__ import annotations

import pandas as pd
import pytest

from plainfilm.collection.duplicates import IMAGE, REPORT, SHORT_REPORT, repeated

LONG = " ".join(f"word{number}" for number in range(SHORT_REPORT + 1))


def rows(patients: list[str], key: str) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "key": [key] * len(patients),
            "words": len(key.split()),
            "patient_id": patients,
            "id": [str(number) for number in range(len(patients))],
            "image_id": [str(number) for number in range(len(patients))],
            **dict.fromkeys(("corpus", "collection", "split"), "x"),
        }
    )


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
    name = "image_id" if kind == IMAGE else "id"
    (entry,) = repeated(rows(patients, key), "key", kind, name)
    assert (entry["repeat"], entry["expected"]) == (repeat, expected)
    assert key not in str(entry)
    assert entry.get("words") == (len(key.split()) if kind == REPORT else None)
