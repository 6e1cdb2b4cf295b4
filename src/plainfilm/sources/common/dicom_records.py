"""What the headers of a folder of DICOM files say, file by file, without their pixels."""

from __future__ import annotations

import contextlib
import functools
import re
import struct
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from plainfilm.errors import DataError, ImageError
from plainfilm.io.archives import open_binary
from plainfilm.io.dates import ways_to_write
from plainfilm.io.deidentify import Identifiers, kept_header
from plainfilm.io.dicom.header import items, text
from plainfilm.io.dicom.read import is_dicom
from plainfilm.io.dicom.safe_stream import safe_stream
from plainfilm.io.dicom.spacing import side_of_pixel
from plainfilm.io.dicom.subject import RADIOGRAPHS, doubts
from plainfilm.io.optional import optional_import
from plainfilm.sources.base import age_of, view_of
from plainfilm.types import View

_DIRECTORY = "1.2.840.10008.1.3.10"
DAMAGE = (
    *(ValueError, KeyError, AttributeError, TypeError, EOFError, OSError, IndexError, OverflowError),
    *(NotImplementedError, RecursionError, struct.error, DataError),
)
"""What reading a damaged file may raise."""
_PEOPLE = (
    *("PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName", "ResponsiblePerson"),
    *("ReferringPhysicianName", "PerformingPhysicianName", "NameOfPhysiciansReadingStudy", "OperatorsName"),
    *("RequestingPhysician", "PhysiciansOfRecord"),
)
_NUMBERS = ("PatientID", "OtherPatientIDs", "AccessionNumber", "StudyInstanceUID", "SOPInstanceUID")
_PLACES = (
    "InstitutionName",
    "InstitutionAddress",
    "PatientAddress",
    "PatientTelephoneNumbers",
    "StationName",
)
_DATES = ("PatientBirthDate", "StudyDate", "SeriesDate", "AcquisitionDate", "ContentDate")
_DESCRIPTIONS = (
    *("SeriesDescription", "ProtocolName", "AcquisitionDeviceProcessingDescription"),
    *("PerformedProcedureStepDescription", "StudyDescription", "RequestedProcedureDescription"),
)
_SUBJECT = (
    *("AnatomicRegionSequence", "PatientSpeciesDescription", "PatientSpeciesCodeSequence"),
    *("ResponsiblePersonRole", "InstitutionalDepartmentName"),
)
_FILM = (
    *(
        "SOPClassUID",
        "Manufacturer",
        "Modality",
        "ImageType",
        "BodyPartExamined",
        "PresentationIntentType",
        "NumberOfFrames",
    ),
    *("ViewPosition", "ViewCodeSequence", "PatientOrientation", "PatientOrientationCodeSequence"),
    *("PatientAge", "PatientSex", "BurnedInAnnotation", "Rows", "Columns", "PixelAspectRatio"),
    *("PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing", "DistanceSourceToDetector"),
    *("DistanceSourceToPatient", "EstimatedRadiographicMagnificationFactor"),
)
TAGS = list(dict.fromkeys((*_PEOPLE, *_NUMBERS, *_PLACES, *_DATES, *_DESCRIPTIONS, *_SUBJECT, *_FILM)))
"""The elements that are read of every file."""

_WORDS: dict[str, View] = {
    **dict.fromkeys(("pa", "posteroanterior"), View.PA),
    **dict.fromkeys(("ap", "anteroposterior", "portable", "bedside", "bett", "liegend", "supine"), View.AP),
    **dict.fromkeys(("lat", "lateral", "ll", "rl", "seitlich", "profil", "profile"), View.LATERAL),
}
_LYING = ("supine", "recumbent", "liegend", "couche")
_NO_VIEW = ("decub", "oblique", "obl")


@dataclass(frozen=True)
class Record:
    """The header of one file. `identifiers` are what in it could name a person.

    `reason` says why it can be no film, `doubt` what the header says that speaks against it, `is_report` that
    it is a structured report. No identifier stands in what `repr` shows.
    """

    path: Path = field(repr=False)
    patient: str = field(default="", repr=False)
    study: str = field(default="", repr=False)
    image: str = field(default="", repr=False)
    accession: str = field(default="", repr=False)
    taken: date | None = field(default=None, repr=False)
    identifiers: Identifiers = field(default=Identifiers(), repr=False)
    reason: str | None = None
    doubt: str | None = None
    is_radiograph: bool = True
    is_report: bool = False
    is_burned_in: bool = False
    view: View = View.UNKNOWN
    sex: str | None = None
    age: float | None = None
    width: int | None = None
    height: int | None = None
    spacing_mm: float | None = None


def read_record(path: Path) -> Record:
    """The record of a file; one that is not DICOM, or is damaged, has a `reason` and nothing else.

    Raises:
        MissingDependency: pydicom is not installed.
    """
    try:
        with open_binary(path) as stream:
            if not is_dicom(stream.read(132), path.suffix):
                return Record(path, reason="not a DICOM file")
            stream.seek(0)
            return record_of(path, read_dataset(stream, _tags()))
    except ImageError as error:
        return Record(path, reason=str(error))
    except DAMAGE:
        # What the library says may quote the header.
        return Record(path, reason="the header cannot be read; the file is damaged or cut short")


@functools.cache
def _tags() -> tuple[int, ...]:
    """The numbers of `TAGS`: looking them up takes as long as reading a header."""
    tag_for_keyword = optional_import("pydicom.datadict", "dicom", "DICOM").tag_for_keyword
    return tuple(tag_for_keyword(keyword) for keyword in TAGS)


def elements_of(dataset: Any) -> dict[str, Any]:
    """The elements of a dataset that can be read, by keyword.

    Everything that reads headers here asks for many elements of which few are there, and a plain dictionary
    says so a hundred times faster than a dataset.
    """
    keyword_for_tag = optional_import("pydicom.datadict", "dicom", "DICOM").keyword_for_tag
    elements: dict[str, Any] = {}
    for tag in dataset.keys():  # noqa: SIM118 - iterating a dataset would read its elements
        with contextlib.suppress(*DAMAGE):
            elements[keyword_for_tag(tag)] = dataset[tag].value
    return elements


def read_dataset(stream: Any, tags: Sequence[int | str] | None) -> Any:
    """The elements of a DICOM file before its pixels; only `tags`, where they are given.

    Raises:
        MissingDependency: pydicom is not installed.
        Exception: whatever pydicom raises on a damaged file.
    """
    pydicom = optional_import("pydicom", "dicom", "DICOM")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd values are none of our business here
        wanted = tags and list(tags)
        return pydicom.dcmread(safe_stream(stream), stop_before_pixels=True, force=True, specific_tags=wanted)


def record_of(path: Path, dataset: Any) -> Record:
    """The record of a header that was read from `path`, or came from an archive."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = elements_of(dataset)
        stored = str(getattr(dataset, "file_meta", {}).get("MediaStorageSOPClassUID") or "")
        kept = kept_header(header)
        taken = _date(text(header, "StudyDate"))
        is_report = _is_report(header)
        modality = text(header, "Modality").upper()
        return Record(
            path,
            patient=text(header, "PatientID"),
            study=text(header, "StudyInstanceUID"),
            image=text(header, "SOPInstanceUID"),
            accession=text(header, "AccessionNumber"),
            taken=taken,
            identifiers=identifiers_of(header),
            reason=None if is_report else _no_film(header, stored, path),
            doubt=None if is_report else doubts(header)[0],
            is_radiograph=not modality or modality in RADIOGRAPHS,
            is_report=is_report,
            is_burned_in=kept.get("BurnedInAnnotation") == "YES",
            view=view_of_header(header),
            sex=_sex(kept.get("PatientSex")),
            age=_age(text(header, "PatientAge"), _date(text(header, "PatientBirthDate")), taken),
            width=_side(kept.get("Columns")),
            height=_side(kept.get("Rows")),
            spacing_mm=side_of_pixel(header)[0],
        )


def _is_report(header: Mapping[str, Any]) -> bool:
    name = optional_import("pydicom.uid", "dicom", "DICOM").UID(text(header, "SOPClassUID")).name
    return name.endswith("SR Storage") or text(header, "Modality").upper() == "SR"


def _no_film(header: Mapping[str, Any], stored: str, path: Path) -> str | None:
    if stored == _DIRECTORY or path.name.upper() == "DICOMDIR":
        return "a DICOMDIR, which is a list of other files"
    if not header:
        return "not a DICOM file, though its name says so"
    if "Rows" not in header or "Columns" not in header:
        return "holds no pixels"
    return None


def _sex(value: object) -> str | None:
    return value if value in ("F", "M") and isinstance(value, str) else None


def _side(value: object) -> int | None:
    return int(value) if isinstance(value, float) and value >= 1 else None


def _date(cell: str) -> date | None:
    digits = cell.replace(".", "")[:8]  # the ACR-NEMA form 2020.01.31 is still met
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None


def _age(stated: str, born: date | None, taken: date | None) -> float | None:
    """Years as stated, else by the calendar; never a negative number of them."""
    age = age_of(stated) if stated else None
    if age is not None or born is None or taken is None:
        return age
    years = taken.year - born.year - ((taken.month, taken.day) < (born.month, born.day))
    return float(years) if 0 <= years <= 130 else None


def view_of_header(header: Mapping[str, Any]) -> View:
    """The view by View Position, View Code, the descriptions or Patient Orientation, in that order.

    A description counts where it names one view only: "CHEST PA AND LATERAL" is that of a whole study.
    """
    described = [text(header, keyword) for keyword in _DESCRIPTIONS]
    coded = [text(code, "CodeMeaning") for code in items(header, "ViewCodeSequence")]
    stated = text(header, "ViewPosition")
    candidates = [view_of(stated), *map(view_of, coded)]
    if not stated:  # an oblique that is stated is not to be talked into a lateral
        candidates += map(_view_in, described)
        candidates.append(_view_by_orientation(text(header, "PatientOrientation")))
    view = next((view for view in candidates if view is not View.UNKNOWN), View.UNKNOWN)
    lying = [text(code, "CodeMeaning") for code in items(header, "PatientOrientationCodeSequence")]
    if view is View.AP and any(word in " ".join([*described, *lying]).lower() for word in _LYING):
        return View.AP_SUPINE
    return view


def _view_in(words: str) -> View:
    folded = words.lower().replace(".", "")
    if any(word in folded for word in _NO_VIEW):
        return View.UNKNOWN
    views = {_WORDS[word] for word in re.findall(r"[a-z]+", folded) if word in _WORDS}
    return views.pop() if len(views) == 1 else View.UNKNOWN


def _view_by_orientation(words: str) -> View:
    """Rows that run towards front or back are those of a lateral (PS3.3 C.7.6.1.1.1)."""
    first = words.split(" ")[0]
    return View.LATERAL if first in ("A", "P") else View.UNKNOWN


def identifiers_of(header: Mapping[str, Any]) -> Identifiers:
    """Everything in a header that could name a person, a place or a day in a report."""
    names = frozenset(filter(None, (text(header, keyword) for keyword in _PEOPLE)))
    return Identifiers(names, frozenset(filter(None, _words_of(header))))


def _words_of(header: Mapping[str, Any]) -> Iterator[str]:
    for keyword in _NUMBERS:
        for word in text(header, keyword).split():
            bare = word.lstrip("0")
            yield from (number for number in dict.fromkeys((word, bare)) if len(number) >= 4)
    yield from (text(header, keyword) for keyword in _PLACES)
    for keyword in _DATES:
        day = _date(text(header, keyword))
        yield from ways_to_write(day) if day else ()
