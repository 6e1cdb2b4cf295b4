"""The film that results are about: the header of its DICOM file, as far as other objects quote it."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plainfilm.errors import ImageError
from plainfilm.io.dicom.header import element, number, text
from plainfilm.io.dicom.read import HEAD, is_dicom
from plainfilm.io.dicom.safe_stream import safe_stream
from plainfilm.io.optional import optional_import

EXTRA = "dicom-out"
PURPOSE = "writing DICOM objects"

PATIENT_AND_STUDY = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientAge"),
    *("StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "AccessionNumber", "StudyDescription"),
    "ReferringPhysicianName",
)
"""What an object in the film's study has of the patient and the study, and nothing else of them."""
IMAGE = (
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "Modality", "Rows", "Columns"),
    *("SamplesPerPixel", "PhotometricInterpretation", "BitsStored", "PixelRepresentation"),
    *("RescaleSlope", "RescaleIntercept", "RescaleType", "ModalityLUTSequence"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
    "PatientOrientation",
)
"""What is read of the image: its identity, its size and the way its grey values are shown."""
_MUST_BE_THERE = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "ReferringPhysicianName")
_OF_STUDY = ("StudyID", "StudyDate", "StudyTime", "AccessionNumber")
_IDENTITY = ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "StudyInstanceUID")

_UID = re.compile(r"[0-9]+(\.[0-9]+)*(?<!.{65})")
"""Not all archives follow the rule against zeros at the beginning of a part, and what they say is quoted."""


@dataclass(frozen=True)
class SourceFilm:
    """A film in a DICOM file. header: a pydicom dataset with `PATIENT_AND_STUDY` and `IMAGE`, in UTF-8.

    Elements that the objects must have and the file lacks, or holds in a form that DICOM does not allow, are
    empty.
    """

    path: Path
    header: Any

    @property
    def uid(self) -> str:
        """The SOP Instance UID."""
        return str(self.header.SOPInstanceUID)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return int(self.header.Columns), int(self.header.Rows)


def read_source_film(path: Path) -> SourceFilm:
    """Read the header of a film.

    Raises:
        ImageError: no DICOM file, a damaged one, or one without the identifiers that other objects refer to.
        MissingDependency: a package that reads DICOM is not installed.
    """
    pydicom = optional_import("pydicom", EXTRA, PURPOSE)
    with path.open("rb") as stream, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd values of elements that are not quoted
        if not is_dicom(stream.read(HEAD), path.suffix):
            raise ImageError(
                f"{path}: is no DICOM file, so there is no study that a structured report could belong to; "
                "name DICOM files"
            )
        stream.seek(0)
        try:
            dataset = pydicom.dcmread(safe_stream(stream), stop_before_pixels=True, force=True)
            dataset.decode()
        except Exception as error:
            raise ImageError(f"{path}: the DICOM header is damaged or truncated") from error
        return SourceFilm(path, _header(pydicom, dataset, path))


def _header(pydicom: Any, dataset: Any, path: Path) -> Any:
    header = pydicom.Dataset()
    header.SpecificCharacterSet = "ISO_IR 192"
    for keyword in (*PATIENT_AND_STUDY, *IMAGE):
        value = _valid(pydicom, dataset, keyword)
        if value is not None:
            setattr(header, keyword, value)
    for keyword in (*_MUST_BE_THERE, *_OF_STUDY):
        if keyword not in header:
            setattr(header, keyword, "")
    for keyword in _IDENTITY:
        if not text(header, keyword):
            raise ImageError(
                f"{path}: has no valid {keyword}, by which a structured report refers to its film; "
                "export the film from an archive, which gives it one"
            )
    if not number(header, "Rows") or not number(header, "Columns"):
        raise ImageError(f"{path}: has no Rows and Columns; not a DICOM image")
    return header


def _valid(pydicom: Any, dataset: Any, keyword: str) -> Any:
    """The value of an element, or `None` where it is absent, empty or not of its type."""
    value = element(dataset, keyword)
    if value is None or value == "" or (hasattr(value, "__len__") and len(value) == 0):
        return None
    representation = pydicom.datadict.dictionary_VR(pydicom.datadict.tag_for_keyword(keyword))
    if representation == "SQ":
        return value
    if representation == "UI":
        return str(value) if _UID.fullmatch(str(value)) else None
    if representation == "PN":
        value = str(value)
    try:
        for part in [value] if isinstance(value, str) else value if hasattr(value, "__iter__") else [value]:
            checked = str(part) if representation in ("DS", "IS") else part
            pydicom.valuerep.validate_value(representation, checked, pydicom.config.RAISE)
    except (ValueError, TypeError):
        return None
    return value
