"""Rows of a table gathered into studies, on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from plainfilm.io.scratch import DiskDict, Scratch, packed, unpacked


@dataclass(frozen=True, slots=True)
class Member:
    """A row of a study: the number of the first one and its own, the study, the patient ("" where that is not
    known) and the split."""

    first: int
    row: int
    study: str
    patient: str
    split: str | None


class StudyGroups:
    """Studies in the order of their first rows; the same one in two splits is two.

    Where patients share a study's id, as with studies that are numbered by patient, it is one for each.
    """

    def __init__(self) -> None:
        self._rows = Scratch(
            "CREATE TABLE entries (row INTEGER PRIMARY KEY, study BLOB, patient BLOB, split)",
            "CREATE TABLE shared (study BLOB PRIMARY KEY) WITHOUT ROWID",
            "CREATE TABLE members (first, row, name BLOB, PRIMARY KEY (first, row)) WITHOUT ROWID",
        )
        self._patients = DiskDict()

    def add(self, row: int, study: str, patient: str, split: str | None) -> None:
        """Add a row; rows come in their order."""
        values = (row, packed(study), packed(patient), split)
        self._rows.execute("INSERT INTO entries VALUES (?, ?, ?, ?)", values)
        if patient and self._patients.setdefault(study, patient) != patient:
            self._rows.execute("INSERT OR IGNORE INTO shared VALUES (?)", (packed(study),))

    def __iter__(self) -> Iterator[list[Member]]:
        """The rows of each study, after all were added."""
        self._group()
        order = "FROM members CROSS JOIN entries USING (row) ORDER BY first, row"
        members = (
            Member(first, row, unpacked(name), unpacked(patient), split)
            for first, row, name, patient, split in self._rows.rows(
                f"SELECT first, row, name, patient, split {order}"
            )
        )
        yield from (list(group) for _, group in groupby(members, key=attrgetter("first")))

    @property
    def shared(self) -> tuple[str, str, str] | None:
        """The first study whose id patients share, and two of these."""
        query = "SELECT study FROM entries WHERE study IN (SELECT study FROM shared) ORDER BY row LIMIT 1"
        for (study,) in self._rows.rows(query):
            known = "FROM entries WHERE study = ? AND patient <> x'' ORDER BY patient LIMIT 2"
            (first,), (second,) = self._rows.rows(f"SELECT DISTINCT patient {known}", (study,))
            return unpacked(study), unpacked(first), unpacked(second)
        return None

    def _group(self) -> None:
        first_rows = DiskDict()
        query = (
            "SELECT row, study, patient, split, study IN (SELECT study FROM shared) FROM entries ORDER BY row"
        )
        for row, study, patient, split, is_shared in self._rows.rows(query):
            name = patient + b"_" + study if is_shared and patient else study
            first = first_rows.setdefault(f"{split} {unpacked(name)}", row)
            self._rows.execute("INSERT INTO members VALUES (?, ?, ?)", (first, row, name))
