"""Which names are observations: those of the corpora, vocabularies and lists that Plainfilm knows."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

from plainfilm.config import read_yaml
from plainfilm.io.csv_files import folded_header
from plainfilm.labelling.vocabularies import load_vocabulary, vocabulary_names


class KnownObservations:
    """Names of observations; case, blanks and signs do not matter. `others` are a user's own."""

    def __init__(self, others: Iterable[str] = ()) -> None:
        self._names = _published() | {folded_header(name): name for name in others}

    def __contains__(self, name: str) -> bool:
        return folded_header(name) in self._names

    def nearest(self, name: str) -> str:
        """The end of a message about a name that is none: the nearest one, if any is near."""
        import difflib

        close = difflib.get_close_matches(folded_header(name), self._names, n=1, cutoff=0.75)
        return f"did you mean '{self._names[close[0]]}'? " if close else ""


@functools.cache
def _published() -> dict[str, str]:
    from plainfilm.sources import cgmh, nih14, refers, rsna
    from plainfilm.sources.cells.vindr_classes import vindr_classes

    names: list[str] = []
    for vocabulary in vocabulary_names():
        names += load_vocabulary(vocabulary).observations
    names += [*nih14.FINDINGS, *vindr_classes().every, *cgmh.LABELS, *rsna.CLASSES]
    names += [name for columns in refers.COLUMNS.values() for name in columns]
    for stated in read_yaml(Path(__file__).with_suffix(".yaml")).values():
        names += stated
    return {folded_header(name): name for name in reversed(names)}
