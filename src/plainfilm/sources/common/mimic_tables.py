"""The tables of MIMIC-CXR by id: who has which studies, which films those have, what is said of them.

A record per film is held in memory (0.3 GB for all 377,110), the tables themselves are not.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path

from plainfilm.sources.base import no_state, number_of, sex_of, split_of, state_of, view_of
from plainfilm.sources.common.columns import columns_of, headers_of
from plainfilm.types import Label, Rejection, View

IMAGE_KEYS = ("dicom_id", "subject_id", "study_id")
ORIGINS = {
    "chexpert": "mimic-cxr/chexpert",
    "negbio": "mimic-cxr/negbio",
    "test-set-labeled": "mimic-cxr/radiologist",
}
"""The tables of labels, and what the origin of their labels is called."""

_METADATA = (
    "ViewPosition",
    "ViewCodeSequence_CodeMeaning",
    "PatientOrientationCodeSequence_CodeMeaning",
    *("StudyDate", "StudyTime", "Rows", "Columns"),
)


@dataclass(frozen=True, slots=True)
class Film:
    """What the tables say of one image; `order` is days since year 1, sizes are in pixels."""

    split: str | None = None
    view: View = View.UNKNOWN
    order: float | None = None
    width: int | None = None
    height: int | None = None


@dataclass(frozen=True)
class Person:
    """Sex, and age in `year` of the patient's shifted calendar (the year may be unknown)."""

    sex: str | None
    age: float | None
    year: int | None

    def age_at(self, order: float | None) -> float | None:
        """Years at a study: the anchor age moved by the calendar years between anchor and study."""
        if self.age is None or self.year is None or order is None:
            return self.age
        return max(0.0, self.age + datetime.fromordinal(int(order)).year - self.year)


@dataclass
class Tables:
    """Studies of a patient, films and labels of a study, by id; `listed` studies should have a report."""

    studies: dict[str, list[str]] = field(default_factory=dict)
    films: dict[str, dict[str, Film]] = field(default_factory=dict)
    labels: dict[str, tuple[Label, ...]] = field(default_factory=dict)
    people: dict[str, Person] = field(default_factory=dict)
    listed: set[str] = field(default_factory=set)

    def add_study(self, subject: str, study: str) -> str:
        """Makes a study known, and returns its id."""
        name = f"s{study}"
        if name not in self.films:
            self.films[name] = {}
            self.studies.setdefault(f"p{subject}", []).append(name)
        return name

    def split_of(self, patient: str) -> str | None:
        """The split that the films of a patient are in."""
        films = (film for study in self.studies.get(patient, ()) for film in self.films[study].values())
        return next((film.split for film in films if film.split), None)


def read_tables(paths: Mapping[str, Path], tables: Tables) -> Iterator[Rejection]:
    """Fills `tables` from the files there are (names of `mimic_release.TABLES`); yields what is wrong.

    Raises:
        DataError: a table is damaged or lacks a column that it must have.
    """
    if "metadata" in paths:
        yield from _read_metadata(paths["metadata"], tables)
    if "record-list" in paths:
        for image, subject, study in columns_of(paths["record-list"], IMAGE_KEYS):
            tables.films[tables.add_study(subject, study)].setdefault(image, Film())
    if "split" in paths:
        yield from _read_splits(paths["split"], tables)
    if "study-list" in paths:
        for subject, study in columns_of(paths["study-list"], ("subject_id", "study_id")):
            tables.listed.add(tables.add_study(subject, study))
    for name, origin in ORIGINS.items():
        yield from _read_labels(paths[name], origin, tables) if name in paths else ()
    if "patients" in paths:
        yield from _read_people(paths["patients"], tables)


def _read_metadata(path: Path, tables: Tables) -> Iterator[Rejection]:
    views: dict[tuple[str, str, str], View] = {}
    for image, subject, study, *rest in columns_of(path, IMAGE_KEYS, _METADATA):
        position, meaning, orientation, day, clock, height, width = rest
        key = (position, meaning, orientation)
        view = views.setdefault(key, _view(*key)) if key not in views else views[key]
        order = _days(day, clock)
        films = tables.films[tables.add_study(subject, study)]
        if day and order is None:
            yield Rejection(image, f"{path.name}: StudyDate '{day}' is no date", f"s{study}")
        if image in films:
            yield Rejection(image, f"{path.name} lists the image twice in study s{study}", f"s{study}")
        else:
            films[image] = Film(None, view, order, _pixels(width), _pixels(height))


def _view(position: str, meaning: str, orientation: str) -> View:
    view = view_of(position or meaning)
    return View.AP_SUPINE if view is View.AP and orientation.lower() == "recumbent" else view


def _days(day: str, clock: str) -> float | None:
    """A DICOM date and time as days since year 1, or `None`."""
    number = _ordinal(day.partition(".")[0])
    if number is None:
        return None
    time = clock.partition(".")[0].zfill(6)
    seconds = (int(time[:2]) * 60 + int(time[2:4])) * 60 + int(time[4:6]) if time.isdigit() else 0
    return number + seconds / 86_400


@functools.cache
def _ordinal(day: str) -> int | None:
    try:
        return date(int(day[:4]), int(day[4:6]), int(day[6:])).toordinal()
    except ValueError:
        return None


def _pixels(cell: str) -> int | None:
    number = number_of(cell)
    return int(number) if number is not None and number >= 1 else None


def _read_splits(path: Path, tables: Tables) -> Iterator[Rejection]:
    for image, subject, study, cell in columns_of(path, (*IMAGE_KEYS, "split")):
        films = tables.films[tables.add_study(subject, study)]
        split = split_of(cell)
        films[image] = replace(films.get(image, Film()), split=split)
        if split is None and cell:
            reason = f"{path.name}: split '{cell}' is none of train, validate, test"
            yield Rejection(image, reason, f"s{study}")


def _read_labels(path: Path, origin: str, tables: Tables) -> Iterator[Rejection]:
    headers = headers_of(path)
    observations = [name for name in headers if name not in ("", "study_id", "subject_id")]
    wrong: set[str] = set()
    seen: set[str] = set()
    records: dict[tuple[str, str], Label] = {}  # one record per label, shared by all studies
    known: dict[tuple[str, ...], tuple[Label, ...]] = {}
    for number, row in enumerate(columns_of(path, ("study_id", *observations), ("subject_id",)), start=1):
        study, cells, subject = row[0], row[1:-1], row[-1]
        if cells not in known:
            said = [(name, cell) for name, cell in zip(observations, cells, strict=True) if cell]
            new = {one: state_of(one[1]) for one in said if one not in records}
            wrong.update(cell for (_, cell), state in new.items() if state is None)
            found = {one: Label(one[0], state, origin) for one, state in new.items() if state is not None}
            records.update(found)
            known[cells] = tuple(records[one] for one in said if one in records)
        name = tables.add_study(subject, study) if subject else f"s{study}"
        if name in seen:
            reason = f"{path.name} has a row of {name} already, which is taken"
            yield Rejection(f"{path.name} row {number}", reason, name)
            continue
        seen.add(name)
        tables.labels[name] = (*tables.labels.get(name, ()), *known[cells])
        for place in () if wrong.isdisjoint(cells) else range(len(cells)):
            if cells[place] in wrong:
                yield Rejection(
                    f"{path.name} row {number}", no_state(observations[place], cells[place]), name
                )


def _read_people(path: Path, tables: Tables) -> Iterator[Rejection]:
    for subject, gender, age, year in columns_of(
        path, ("subject_id",), ("gender", "anchor_age", "anchor_year")
    ):
        patient = f"p{subject}"
        if patient not in tables.studies:
            continue  # MIMIC-IV has many patients without a chest film
        sex, years, anchor = sex_of(gender), number_of(age), number_of(year)
        if gender and sex is None:
            yield Rejection(path.name, f"gender '{gender}' of {patient} is none of F, M")
        if age and years is None:
            yield Rejection(path.name, f"anchor_age '{age}' of {patient} is no number")
        tables.people[patient] = Person(sex, years, int(anchor) if anchor else None)
