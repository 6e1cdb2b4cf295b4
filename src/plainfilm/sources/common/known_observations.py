"""Which names are observations: those of the corpora, vocabularies and lists that Plainfilm knows."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from plainfilm.config import read_yaml
from plainfilm.io.csv_files import folded_header
from plainfilm.labelling.vocabularies import load_vocabulary, vocabulary_names
from plainfilm.sources.base import number_of, state_of

PER_CENT = re.compile(r"-?\d+(?:[.,]\d+)?\s*[%٪％]")


class Observations(Protocol):
    """Says which names are observations."""

    def __contains__(self, name: str) -> bool: ...

    def nearest(self, name: str) -> str:
        """The end of a message about a name that is none."""
        ...


class KnownObservations:
    """Names of observations; case, blanks and signs do not matter. `others` are a user's own."""

    def __init__(self, others: Iterable[str] = ()) -> None:
        self._names = _published() | {folded_header(name): name for name in others}

    def __contains__(self, name: str) -> bool:
        return folded_header(name) in self._names

    def named(self, name: str) -> str | None:
        """The observation of this name, as its corpus writes it."""
        return self._names.get(folded_header(name))

    def nearest(self, name: str) -> str:
        """The end of a message about a name that is none: the nearest one, if any is near."""
        close = difflib.get_close_matches(folded_header(name), self._names, n=1, cutoff=0.75)
        return f"did you mean '{self._names[close[0]]}'? " if close else ""


class AnyObservation:
    """Takes every name that may be one: what holds a letter and is no state."""

    def __contains__(self, name: str) -> bool:
        return any(char.isalpha() for char in name) and state_of(name) is None and not is_code(name)

    def nearest(self, name: str) -> str:
        """Nothing: there is no list."""
        return ""


def is_code(cell: str) -> bool:
    """Whether a cell is a number or per cent."""
    return number_of(cell.replace(",", ".")) is not None or PER_CENT.fullmatch(cell) is not None


@functools.cache
def _published() -> dict[str, str]:
    from plainfilm.sources import cgmh, nih14, refers, rsna
    from plainfilm.sources.common.vindr_classes import vindr_classes

    names: list[str] = []
    for vocabulary in vocabulary_names():
        names += load_vocabulary(vocabulary).observations
    names += [*nih14.FINDINGS, *vindr_classes().every, *cgmh.LABELS, *rsna.CLASSES]
    names += [name for columns in refers.COLUMNS.values() for name in columns]
    for stated in read_yaml(Path(__file__).with_suffix(".yaml")).values():
        names += stated
    return {folded_header(name): name for name in reversed(names)}
