"""What the header of a DICOM film says of patient and view, for corpora that state it nowhere else."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from plainfilm.errors import DataError, MissingDependency
from plainfilm.io.archives import open_binary
from plainfilm.io.dicom_header import text
from plainfilm.sources.base import age_of, is_blank, sex_of, view_of
from plainfilm.types import Rejection, Study, View

FILM_SUFFIXES = (".dcm", ".dicom")
_DAMAGE = (ValueError, KeyError, AttributeError, TypeError, EOFError, OSError, NotImplementedError, DataError)
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
    return path.suffix.lower() in FILM_SUFFIXES


def read_header(path: Path) -> FilmHeader | None:
    """The header of a DICOM film, without its pixels; `None` where there is none to read.

    That a file is damaged is told where its pixels are decoded.

    Raises:
        MissingDependency: pydicom is not installed.
    """
    try:
        pydicom = importlib.import_module("pydicom")
    except ImportError:
        raise MissingDependency("DICOM needs pydicom: pip install 'plainfilm[dicom]'") from None
    keywords = ("PatientID", "PatientSex", "PatientAge", "ViewPosition")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of odd values, which are told by those who use them
        try:
            with open_binary(path) as stream:
                dataset = pydicom.dcmread(
                    stream, stop_before_pixels=True, force=True, specific_tags=list(keywords)
                )
        except _DAMAGE:
            return None
        return FilmHeader(*(text(dataset, keyword) for keyword in keywords))


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
        yield Rejection(place, _unread("age", header.age), study.study_id)
    if sex is None and not is_blank(header.sex) and header.sex.lower() not in _NEITHER_SEX:
        yield Rejection(place, _unread("sex", header.sex), study.study_id)
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


def _unread(name: str, value: str) -> str:
    return f"{name} '{value}' in the header is not understood; the study is kept without it"
