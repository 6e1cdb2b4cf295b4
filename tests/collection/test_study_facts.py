"""Splits and patients of studies are those of their rows."""

from __future__ import annotations

import numpy as np
import pytest

from plainfilm.collection import study_facts
from plainfilm.collection.study_facts import StudyFacts
from tests.collection.in_memory import collection_of, studies


def test_facts_are_those_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_facts, "_AT_ONCE", 3)
    random = np.random.default_rng(0)
    rows = {name: studies(name, count, random) for name, count in (("b", 9), ("none", 0), ("a", 8))}
    collections = [collection_of(name, name, studies=own) for name, own in rows.items()]
    facts = StudyFacts(collections)
    known = [row | {"name": name} for name, own in rows.items() for row in own]
    for some in (np.arange(17), np.array([0, 8]), np.array([9]), np.array([], np.int64)):
        own = [known[number] for number in some]
        assert facts.split_names(some) == sorted({row["split"] for row in own})
        assert facts.collection_names(some) == sorted({row["name"] for row in own})
        patients = {(row["name"], row["patient_id"]) for row in own}
        assert len(np.unique(facts.patients[some])) == len(patients)
    assert [facts.first_of(place) for place in range(3)] == [0, 9, 9]


def test_an_id_may_be_replaced_before() -> None:
    rows = [{"patient_id": name} for name in ("P7", "p7", "p8")]
    first, second, third = StudyFacts([collection_of(studies=rows)], str.lower).patients.tolist()
    assert first == second != third


def test_no_id_is_taken_for_a_part_of_a_corpus() -> None:
    parts = [("a", "b\x1fc"), ("a\x1fb", "c"), ("0", "x"), ("a", "0\x1fx")]
    collections = [
        collection_of(str(place), corpus, studies=[{"patient_id": name}])
        for place, (corpus, name) in enumerate(parts)
    ]
    assert len(np.unique(StudyFacts(collections).patients)) == len(parts)
