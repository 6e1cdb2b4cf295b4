"""What the sentences of reports say of findings, by the labels that `plainfilm label` gave them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.collection.collection import Collection
from plainfilm.collection.label_origins import origins
from plainfilm.collection.labels import LabelReader
from plainfilm.labelling.vocabularies import NO_FINDING
from plainfilm.text.laterality import sides_of
from plainfilm.types import State


def sentence_states(collection: Collection) -> tuple[list[str], NDArray[Any]]:
    """Observations without "No Finding", and the states (S, C) that each of the S sentences of the collection
    gives them; no column where sentences have no labels."""
    own = origins(collection, ("sentence",))
    count = collection.table("sentences").num_rows
    if not own:
        return [], np.zeros((count, 0), dtype=np.int8)
    reader = LabelReader(collection, own, targets=("sentence",))
    kept = [place for place, name in enumerate(reader.observations) if name != NO_FINDING]
    states = reader.texts("sentence", np.arange(count))[:, kept]
    return [reader.observations[place] for place in kept], states


class StatedSentences:
    """The sentences of a collection by what they say of findings; rows are those of the table `sentences`."""

    def __init__(self, collection: Collection) -> None:
        states = sentence_states(collection)[1]
        self._texts = collection.table("sentences")["text"].combine_chunks()
        self._affirmed = states == State.POSITIVE
        self._is_open = (states == State.UNCERTAIN).any(axis=1)
        self._denies = (states == State.NEGATIVE).any(axis=1)

    def denying(self, rows: Sequence[int] | NDArray[np.int64]) -> list[str]:
        """The distinct sentences of `rows` that deny a finding and affirm none."""
        denies = self._denies & ~self._affirmed.any(axis=1) & ~self._is_open
        return list(dict.fromkeys(self._text(row) for row in rows if denies[row]))

    def affirming(self, rows: Sequence[int] | NDArray[np.int64]) -> dict[str, bool]:
        """The distinct sentences of `rows`, those of one report, that affirm a finding and leave none open or
        denied: each with whether it names one side, and no other sentence affirms its findings elsewhere."""
        affirm = [int(row) for row in rows if self._affirmed[row].any()]
        sides = {row: sides_of(self._text(row)) for row in affirm}
        found: dict[str, bool] = {}
        for row in affirm:
            same = [other for other in affirm if (self._affirmed[other] & self._affirmed[row]).any()]
            one_sided = len(sides[row]) == 1 and all(sides[other] == sides[row] for other in same)
            if not self._is_open[row] and not self._denies[row]:
                text = self._text(row)
                found[text] = found.get(text, True) and one_sided
        return found

    def _text(self, row: int) -> str:
        return str(self._texts[int(row)].as_py())
