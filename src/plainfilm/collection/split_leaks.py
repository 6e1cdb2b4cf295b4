"""Finds patients in more than one split of all collections together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.collection.collection import Collection
from plainfilm.collection.duplicates import EXAMPLES, Entry
from plainfilm.collection.study_facts import StudyFacts
from plainfilm.collection.table_cells import PLACE, cells
from plainfilm.sources.common.person_ids import person_key


def patients_in_several_splits(collections: Sequence[Collection]) -> Iterator[Entry]:
    """An entry for every patient with studies in several splits, in the order of corpora and patients."""
    studies = _leaked_studies(collections)
    if studies.empty:
        return
    for _, rows in studies.groupby(["corpus", "person"]):
        if rows["split"].nunique() > 1:  # hashes of two patients may be equal
            yield {
                "kind": "patient",
                "patient_id": rows["patient_id"].iloc[0],
                "splits": sorted(rows["split"].unique()),
                "collections": sorted(rows["collection"].unique()),
                "n": len(rows),
                "studies": rows["study_id"].head(EXAMPLES).tolist(),
            }


def _leaked_studies(collections: Sequence[Collection]) -> pd.DataFrame:
    """The studies of these patients, who are found by hashes."""
    rows = _in_several_splits(StudyFacts(collections, person_key))
    studies = cells(collections, "studies", ["study_id", "split", "patient_id"], rows).to_pandas()
    return studies.assign(
        person=studies["patient_id"].map(person_key),
        collection=studies[PLACE].map(lambda place: collections[place].name),
        corpus=studies[PLACE].map(lambda place: collections[place].corpus),
    )


def _in_several_splits(facts: StudyFacts) -> NDArray[np.int64]:
    """The numbers of studies whose patients are in several splits, in ascending order."""
    if not len(facts.splits):
        return np.empty(0, np.int64)
    order = np.argsort(facts.patients, kind="stable")
    ordered, splits = facts.patients[order], facts.splits[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    del ordered
    leaks = np.minimum.reduceat(splits, starts) != np.maximum.reduceat(splits, starts)
    sizes = np.diff(np.r_[starts, len(order)])
    return np.sort(order[np.repeat(leaks, sizes)])
