"""CheXpert's names: films, studies and patients by the paths its tables and its folders give them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from plainfilm.errors import DataError
from plainfilm.sources.base import age_of, sex_of, view_of
from plainfilm.sources.common.rows import Row, read_rows, unread_cells
from plainfilm.types import Rejection, View

LICENCE = "Stanford University Dataset Research Use Agreement (CheXpert)"
FILM_SUFFIXES = (".jpg", ".jpeg", ".png", ".dcm")
_STUDY = re.compile(r"(?:^|/)(patient\d+)/study(\d+)(?:/|$)")
_FILM = re.compile(r"/(view\d+_[a-z]+)\.[a-z]+$")


@dataclass(frozen=True, slots=True, order=True)
class StudyName:
    """A study as its folders name it; studies of a patient are numbered in time."""

    patient: str
    number: int

    def __str__(self) -> str:
        return f"{self.patient}_study{self.number}"


def study_name(path: str) -> StudyName | None:
    """The study that a path leads to or through.

    >>> study_name("CheXpert-v1.0-small/train/patient00002/study1/view2_lateral.jpg")
    StudyName(patient='patient00002', number=1)
    """
    match = _STUDY.search(path)
    return StudyName(match[1], int(match[2])) if match else None


def film_name(path: str) -> tuple[StudyName, str] | None:
    """The study and the id of the film that a path names; `None` where it names no film.

    >>> film_name("CheXpert-v1.0/valid/patient64541/study1/view1_frontal.jpg")[1]
    'patient64541_study1_view1_frontal'
    """
    study, film = study_name(path), _FILM.search(path.lower())
    return (study, f"{study}_{film[1]}") if study and film else None


def film_id(path: Path) -> str | None:
    """The id of the film in a file, as of `film_name`."""
    name = film_name(path.as_posix())
    return name[1] if name else None


def film_view(film: str, plane: str, position: str) -> View:
    """The view of a film by the cells "Frontal/Lateral" and "AP/PA"; its id says the plane where none does.

    A few frontal films have LL or RL for a position: one of the two is wrong, and nobody can say which.
    """
    if (plane or film.rpartition("_")[2]).lower() == "lateral":
        return View.LATERAL
    view = view_of(position)
    return view if view.is_frontal else View.UNKNOWN


def person(row: Row, sex: str, age: str) -> tuple[str | None, float | None, list[Rejection]]:
    """Sex and age by the headers that have them, and what of the cells is not understood.

    Patients are adults and an age above 90 is given as 90; 0 stands where none is known.
    """
    rejections = list(unread_cells(row, {age: _age, sex: _known_sex}))
    return sex_of(row[sex]), _age(row[age]), rejections


def _age(cell: str) -> float | None:
    return age_of(cell) or None


def _known_sex(cell: str) -> str | None:
    return "" if cell.lower() == "unknown" else sex_of(cell)


def patients_in(path: Path) -> frozenset[str]:
    """The patients that a table with a column "Path" names.

    Raises:
        DataError: no such table or column, or a row that names nobody, who would be trained on unseen.
    """
    patients = set()
    for row in read_rows(path, ["Path"]):
        name = study_name(row["Path"]) if isinstance(row, Row) else None
        if name is None:
            place = row.place if isinstance(row, Row) else f"{row.path} ({row.reason})"
            raise DataError(f"{path}: {place} names no study of CheXpert; mend or remove the row")
        patients.add(name.patient)
    return frozenset(patients)
