"""Describes duplicate images and reports in one or several collections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.collection.study_facts import StudyFacts
from plainfilm.collection.table_cells import cells

EXAMPLES = 5
"""Largest number of ids in an entry; its `n` is the total."""

SHORT_REPORT = 40
"""Words of a report up to which several patients may have the same: normal chests are described alike."""

IMAGE, NEAR_DUPLICATE, REPORT = "image", "near-duplicate image", "report"
"""The kinds of what repeats."""

Entry = dict[str, Any]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Items:
    """Images or reports of several collections: the number of the study of each (N,), -1 if there is none.

    Images are numbered as the rows of their tables. Reports have their number of `words` (N,).
    """

    facts: StudyFacts
    studies: NDArray[np.int32]
    words: NDArray[np.int32] | None = None

    def ids(self, items: Ints) -> list[str]:
        """The ids of some images, or of the studies of some reports."""
        table, name, rows = "images", "image_id", items
        if self.words is not None:
            table, name, rows = "studies", "study_id", self.studies[items].astype(np.int64)
        return cells(self.facts.collections, table, [name], rows)[name].to_pylist()


def repeated(items: Items, kind: str, groups: Sequence[Ints]) -> Iterator[Entry]:
    """An entry for every group of items that are one, the largest first."""
    groups = sorted(groups, key=lambda group: -len(group))
    shown = [group[:EXAMPLES] for group in groups]
    ids = items.ids(np.concatenate([np.empty(0, np.int64), *shown]))
    ends = np.cumsum([0, *map(len, shown)]).tolist()
    for group, (start, end) in zip(groups, pairwise(ends), strict=True):
        yield _entry(items, kind, group, ids[start:end])


def _entry(items: Items, kind: str, group: Ints, ids: list[str]) -> Entry:
    facts, studies = items.facts, items.studies[group].astype(np.int64)
    words = None if items.words is None else int(items.words[group[0]])
    patients = len(np.unique(facts.patients[studies]))
    repeat, is_expected = _repeat(kind, patients, words)
    entry: Entry = {
        "kind": kind,
        "repeat": repeat,
        "expected": is_expected,
        "n": len(group),
        "patients": patients,
        **({} if words is None else {"words": words}),
        "splits": facts.split_names(studies),
        "collections": facts.collection_names(studies),
        "ids": ids,
    }
    if words is None:
        places = facts.places(studies[: len(ids)]).tolist()
        entry["images"] = [
            [facts.collections[place].name, name] for place, name in zip(places, ids, strict=True)
        ]
    return entry


def _repeat(kind: str, patients: int, words: int | None) -> tuple[str, bool]:
    """What kind of repeat it is, and whether it is usual in sound data."""
    if words is None:
        what = "the same file" if kind == IMAGE else "copies of one film, resized or recompressed"
        return f"{what}, under {'one patient' if patients == 1 else f'{patients} patients'}", False
    if patients == 1:
        return "the same report for several studies of one patient", False
    if words <= SHORT_REPORT:
        return "the same short text in reports of several patients", True
    return "the same long report for several patients", False
