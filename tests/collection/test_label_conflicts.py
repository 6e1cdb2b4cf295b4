"""Conflicts are those that pandas finds with all labels in memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from plainfilm.collection import label_conflicts
from plainfilm.collection.label_conflicts import conflicts
from tests.collection.in_memory import Row, collection_of

ORIGINS = ("lab/b", "lab/a", "Z")


def labels(random: np.random.Generator) -> list[Row]:
    """Labels in no order, with repeats."""
    return [
        {
            "target": str(random.choice(["study", "image", "region", "sentence"])),
            "target_id": f"t{random.integers(40)}",
            "observation": str(random.choice(["Edema", "A mass"])),
            "state": int(random.choice([1, 0, -1])),
            "origin": str(random.choice(ORIGINS)),
        }
        for _ in range(600)
    ]


def joined(rows: list[Row]) -> list[dict[str, Any]]:
    """The conflicts as positive labels joined with negative ones."""
    frame = pd.DataFrame(rows)
    frame = frame[frame["target"] != "sentence"]
    keys = ["target", "target_id", "observation"]
    positive, negative = (frame[frame["state"] == state][[*keys, "origin"]] for state in (1, 0))
    pairs = positive.merge(negative, on=keys)
    pairs["origins"] = [
        tuple(sorted(pair)) for pair in zip(pairs["origin_x"], pairs["origin_y"], strict=True)
    ]
    pairs = pairs.drop_duplicates([*keys, "origins"])
    return [
        {
            **{"kind": "label", "collection": "c", "observation": observation, "origins": [*origins]},
            **{"n": len(own), "ids": own["target_id"].head(5).tolist()},
        }
        for (observation, origins), own in pairs.groupby(["observation", "origins"])
    ]


@pytest.mark.parametrize("seed", range(4))
def test_conflicts_are_those_of_all_labels_together(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_conflicts, "_LABELS_IN_PART", 50)
    monkeypatch.setattr(label_conflicts, "_AT_ONCE", 64)
    rows = labels(np.random.default_rng(seed))
    expected = joined(rows)
    assert len(expected) == 12  # two observations, and six pairs of origins: each with itself too
    assert list(conflicts(collection_of(labels=rows))) == expected


def test_without_labels_nothing_is_in_conflict() -> None:
    assert list(conflicts(collection_of())) == []


def test_a_name_may_have_any_character() -> None:
    row = {"target": "study", "target_id": "t", "observation": "a\x1fb"}
    other = {"target": "study", "target_id": "u", "observation": "a"}
    rows = [
        {**row, "state": 1, "origin": "c"},
        {**row, "state": 0, "origin": "d"},
        {**other, "state": 1, "origin": "b\x1fc"},
        {**other, "state": 0, "origin": "b\x1fd"},
    ]
    found = [(one["observation"], one["origins"]) for one in conflicts(collection_of(labels=rows))]
    assert found == [("a", ["b\x1fc", "b\x1fd"]), ("a\x1fb", ["c", "d"])]
