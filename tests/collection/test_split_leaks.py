"""Patients in several splits are those that pandas finds with all studies in memory."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from plainfilm.collection import study_facts, table_cells
from plainfilm.collection.split_leaks import patients_in_several_splits
from plainfilm.sources.common.person_ids import person_key
from tests.collection.in_memory import collection_of, studies


@pytest.mark.parametrize("seed", range(4))
def test_leaks_are_those_of_all_studies_together(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (study_facts, table_cells):
        monkeypatch.setattr(module, "_AT_ONCE", 7)
    random = np.random.default_rng(seed)
    corpora = {"z": "one", "a": "one", "m": "other"}
    rows = {name: studies(name, 40, random) for name in corpora}
    frame = pd.concat(pd.DataFrame(own).assign(name=name, corpus=corpora[name]) for name, own in rows.items())
    expected = [
        (own["patient_id"].iloc[0], sorted({*own["split"]}), sorted({*own["name"]}), own["study_id"].tolist())
        for _, own in frame.assign(person=frame["patient_id"].map(person_key)).groupby(["corpus", "person"])
        if own["split"].nunique() > 1
    ]
    collections = [collection_of(name, corpora[name], studies=own) for name, own in rows.items()]
    found = list(patients_in_several_splits(collections))
    assert len(found) > 5
    assert [(leak["patient_id"], leak["splits"], leak["collections"]) for leak in found] == [
        one[:3] for one in expected
    ]
    assert [(leak["n"], leak["studies"]) for leak in found] == [
        (len(names), names[:5]) for *_, names in expected
    ]


def test_no_studies_have_no_leaks() -> None:
    assert list(patients_in_several_splits([collection_of()])) == []
