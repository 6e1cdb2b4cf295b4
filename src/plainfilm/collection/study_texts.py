"""The texts of a collection study by study, with no more than one in memory."""

from __future__ import annotations

from collections.abc import Collection as Names
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from plainfilm.collection.collection import WAY_OUT, Collection
from plainfilm.errors import CollectionError

_ROWS = 5_000


@dataclass(frozen=True)
class StudyTexts:
    """The sections and sentences of a study, as rows of their tables."""

    study_id: str
    sections: list[dict[str, Any]]
    sentences: list[dict[str, Any]]


def study_texts(collection: Collection, named: Names[str] | None = None) -> Iterator[StudyTexts]:
    """The texts of all studies with any, of the `named` sections (`None`: of all).

    The tables of sections and sentences have the same order of studies and are read in parallel.

    Raises:
        CollectionError: they have not, or a table is damaged.
    """
    sentences = rows_by_study(collection, "sentences", named)
    following = next(sentences, None)
    for study_id, sections in rows_by_study(collection, "sections", named):
        own: list[dict[str, Any]] = []
        if following is not None and following[0] == study_id:
            own, following = following[1], next(sentences, None)
        yield StudyTexts(study_id, sections, own)
    if following is not None:
        raise CollectionError(
            f"{collection.path}: study '{following[0]}' has sentences where it has no sections; {WAY_OUT}"
        )


def rows_by_study(
    collection: Collection, table: str, named: Names[str] | None = None
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The rows of the table of sections or sentences, study by study, of the `named` sections."""
    rows = (row for batch in collection.batches(table, _ROWS) for row in batch.to_pylist())
    for study_id, group in groupby(rows, key=lambda row: row["study_id"]):
        yield study_id, [row for row in group if named is None or row["section"] in named]
