"""What the header of a DICOM film says of patient and view, for corpora that state it nowhere else."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from plainfilm.io.archives import open_binary
from plainfilm.io.dicom.header import text
from plainfilm.sources.base import age_of, is_blank, sex_of, view_of
from plainfilm.sources.common.dicom_records import DAMAGE, read_dataset
from plainfilm.sources.common.raw_files import DICOM_SUFFIXES
from plainfilm.types import Rejection, Study, View

_KEYWORDS = ("PatientID", "PatientSex", "PatientAge", "ViewPosition")
_NEITHER_SEX = frozenset({"o", "u", "other", "unknown"})
"""What else Patient's Sex may say (DICOM PS3.3 C.7.1.1): nothing that we keep, and no mistake."""


@dataclass(frozen=True)
class FilmHeader:
    """Elements of a header as text, "" where absent."""

    patient: str
    sex: str
    age: str
    view: str


def is_dicom_film(path: Path) -> bool:
    """True for the name of a DICOM film."""
    return path.suffix.lower() in DICOM_SUFFIXES


def read_header(path: Path) -> FilmHeader | None:
    """The header of a DICOM film, without its pixels; `None` where there is none to read.

    Damage is reported when the pixels are decoded.

    Raises:
        MissingDependency: pydicom is not installed.
    """
    try:
        with open_binary(path) as stream:
            dataset = read_dataset(stream, _KEYWORDS)
    except DAMAGE:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd values, which their users report
        return FilmHeader(*(text(dataset, keyword) for keyword in _KEYWORDS))


def view_in(path: Path) -> View:
    """The view that the header of a film states; unknown for other files than DICOM.

    Raises:
        MissingDependency: pydicom is not installed.
    """
    header = read_header(path) if is_dicom_film(path) else None
    return View.UNKNOWN if header is None else view_of(header.view)


def _not_understood(what: str) -> str:
    """Why something is left out; what the header says instead may be anything, so it is not quoted."""
    return f"the {what} in its header is not understood; the study is kept without it"


def with_header(study: Study, *, patient: bool = False) -> Iterator[Study | Rejection]:
    """The study with sex, age, view and, if wanted, the patient of the header of its first file.

    What is known already stays; a file that is no DICOM by its name is not opened. An age of 0 years is taken
    as not stated: none of the corpora that are read so is one of newborns. What is not understood is a
    rejection, and the study stays without it.
    """
    header = read_header(study.files[0]) if study.files and is_dicom_film(study.files[0]) else None
    if header is None:
        yield study
        return
    place = str(study.files[0])
    age, sex = age_of(header.age), sex_of(header.sex)
    if age is None and not is_blank(header.age):
        yield Rejection(place, _not_understood("age"), study.study_id)
    if sex is None and not is_blank(header.sex) and header.sex.lower() not in _NEITHER_SEX:
        yield Rejection(place, _not_understood("sex"), study.study_id)
    view = view_of(header.view)
    yield replace(
        study,
        patient_id=header.patient if patient and header.patient else study.patient_id,
        images=tuple(
            replace(image, view=view) if image.view is View.UNKNOWN else image for image in study.images
        ),
        age=study.age if study.age is not None else age or None,
        sex=study.sex or sex,
    )
