"""Selects the sentences of a report that are read: rows of the table `sentences`, by study."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from plainfilm.collection import Collection
from plainfilm.text.rules import select_sections
from plainfilm.types import Section

Ints = NDArray[np.int64]

_PLACEHOLDER = re.compile(r"X{2,}")


class StudySentences:
    """Finds the usable sentences of a study, in the section order of the text rule."""

    def __init__(self, collection: Collection, wanted: pd.Index, rule: str, min_letters: int) -> None:
        sections, sentences = collection.table("sections"), collection.table("sentences")
        self._rule = rule
        self._names = sections["section"].to_pylist()
        self._section_texts = sections["text"].combine_chunks()
        self._section_spans = _spans(sections)
        self._spans = _spans(sentences)
        lengths = (letters(text.as_py()) for text in sentences["text"])
        self._is_usable = np.fromiter(lengths, np.int64, len(sentences)) >= min_letters
        self._sections_of = by_study(sections, wanted)
        self._sentences_of = by_study(sentences, wanted)

    def rows(self, position: int) -> list[int]:
        """Rows of the `sentences` table for the study at `position`."""
        rows = self._sentences_of[position]
        rows = rows[self._is_usable[rows]]
        if not len(rows):
            return []
        starts, ends = self._spans[rows].T
        chosen: list[int] = []
        for part in select_sections([self._section(row) for row in self._sections_of[position]], self._rule):
            chosen += rows[(starts >= part.start) & (ends <= part.end)].tolist()
        return chosen

    def _section(self, row: int) -> Section:
        start, end = self._section_spans[row]
        return Section(self._names[row], self._section_texts[row].as_py(), int(start), int(end))


def _spans(table: pa.Table) -> Ints:
    """(N, 2) start and end character of every row."""
    return np.stack([table["start"].to_numpy(), table["end"].to_numpy()], axis=1).astype(np.int64)


def by_study(table: pa.Table, studies: pd.Index) -> list[Ints]:
    """For every study, its rows of `table`, in table order."""
    codes = studies.get_indexer(pd.Index(table["study_id"].to_pandas()))
    order = np.argsort(codes, kind="stable").astype(np.int64)
    bounds = np.searchsorted(codes[order], np.arange(len(studies) + 1))
    return [order[bounds[i] : bounds[i + 1]] for i in range(len(studies))]


def letters(text: str) -> int:
    """The number of letters in `text`, without the X runs that replace removed names.

    >>> letters("XXXX 12.5"), letters("Normal.")
    (0, 6)
    """
    return sum(character.isalpha() for character in _PLACEHOLDER.sub("", text))
