"""A folder of DICOM files as exported from a PACS, with everything in it that does not belong there.

    Phantom_10000001/20200105_A50000001/IM000001       films, without endings or as .dcm
    Phantom_10000001/20200105_A50000001/SR000001       a structured report beside one study in three
    reports.csv                                        the other reports: AccessionNumber, Report
    DICOMDIR, README.TXT, a slice of CT                as found on discs

Quirks kept: folders that name the patient, views stated in four ways or in none, MONOCHROME1, no preamble.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.io.deidentify import OLDEST, Pseudonymiser
from plainfilm.io.files import replacing
from plainfilm.io.optional import optional_import
from plainfilm.phantom.dicom_files import uid_of, write_dicom
from plainfilm.phantom.publishing import studies_of, write_csv, write_text
from plainfilm.phantom.truth import Film, PatientTruth, StudyTruth
from plainfilm.phantom.truth_tables import SCHEMAS
from plainfilm.seeding import stable_hash
from plainfilm.types import Image, Rejection, Report, Study, View

_KEY_FILE = ".plainfilm-deid-key"
_BASIC_TEXT_SR = "1.2.840.10008.5.1.4.1.1.88.11"
_BEGIN = date(2020, 1, 5)
_WAYS = ("position", "code", "description", "orientation", "nothing")
_DESCRIPTIONS = {
    View.PA: "Thorax p.a.",
    View.AP: "Chest AP portable",
    View.AP_SUPINE: "Chest AP supine",
    View.LATERAL: "Thorax seitlich",
}
_CODES = {View.PA: "postero-anterior", View.AP: "antero-posterior", View.LATERAL: "left lateral"}
_POSITIONS = {View.PA: "PA", View.AP: "AP", View.AP_SUPINE: "AP", View.LATERAL: "LL"}


def _key(seed: int) -> bytes:
    """A public key: phantoms have no secrets."""
    return f"the key of the phantoms of seed {seed}".encode()


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The films and, for some studies, a structured report."""
    folder = _folder(root, patient, study)
    for number, (film, array) in enumerate(zip(study.films, films, strict=True), start=1):
        choice = stable_hash(film.film_id, "dicom")
        write_dicom(
            folder / _file_name(number, film),
            array,
            bits_stored=(10, 12, 14)[choice % 3],
            photometric=("MONOCHROME2", "MONOCHROME1")[choice % 2],
            preamble=stable_hash(film.film_id, "preamble") % 3 != 0,
            spacing_mm=film.spacing_mm,
            attributes=_person(patient, study) | _about(film),
        )
    if study.report is not None and _in_structured_report(study):
        _write_structured_report(folder / "SR000001", patient, study)


def _folder(root: Path, patient: PatientTruth, study: StudyTruth) -> Path:
    return root / f"Phantom_{patient.patient_id}" / f"{_day(study):%Y%m%d}_{_accession(study)}"


def _file_name(number: int, film: Film) -> str:
    return f"IM{number:06d}" + ("", ".dcm")[stable_hash(film.film_id, "ending") % 2]


def _day(study: StudyTruth) -> date:
    return _BEGIN + timedelta(days=study.days)


def _accession(study: StudyTruth) -> str:
    return f"A{study.study_id}"


def _person(patient: PatientTruth, study: StudyTruth) -> dict[str, Any]:
    return {
        "PatientName": f"Phantom{patient.patient_id}^Petra",
        "PatientID": patient.patient_id,
        "PatientSex": patient.sex,
        "PatientAge": f"{round(study.age):03d}Y",
        "StudyInstanceUID": uid_of("study", study.study_id),
        "AccessionNumber": _accession(study),
        "StudyDate": f"{_day(study):%Y%m%d}",
        "InstitutionName": "Phantom General",
    }


def _about(film: Film) -> dict[str, Any]:
    """Identity and view of a film; `_way` chooses how the view is stated."""
    about: dict[str, Any] = {
        "SOPInstanceUID": uid_of("film", film.film_id),
        "SeriesInstanceUID": uid_of("series", film.film_id),
    }
    view, way = View(film.view), _way(film)
    if way == "position":
        about["ViewPosition"] = _POSITIONS[view]
    if way in ("position", "description") or view is View.AP_SUPINE:
        about["SeriesDescription"] = _DESCRIPTIONS[view]
    if way == "code" and view in _CODES:
        code = optional_import("pydicom", "dicom", "DICOM").Dataset()
        code.CodeMeaning = _CODES[view]
        about["ViewCodeSequence"] = [code]
    if way == "orientation":
        about["PatientOrientation"] = ["A", "F"] if view is View.LATERAL else ["L", "F"]
    return about


def _way(film: Film) -> str:
    return _WAYS[stable_hash(film.film_id, "view") % len(_WAYS)]


def _known_view(film: Film) -> View:
    view, way = View(film.view), _way(film)
    if way == "nothing" or (way == "orientation" and view is not View.LATERAL):
        return View.AP_SUPINE if view is View.AP_SUPINE else View.UNKNOWN
    return view


def _in_structured_report(study: StudyTruth) -> bool:
    return stable_hash(study.study_id, "report") % 3 == 0


def _write_structured_report(path: Path, patient: PatientTruth, study: StudyTruth) -> None:
    pydicom = optional_import("pydicom", "dicom", "DICOM")
    dataset = pydicom.Dataset()
    for keyword, value in _person(patient, study).items():
        setattr(dataset, keyword, value)
    dataset.SOPClassUID, dataset.Modality, dataset.ValueType = _BASIC_TEXT_SR, "SR", "CONTAINER"
    dataset.SOPInstanceUID = uid_of("report", study.study_id)
    name, item = pydicom.Dataset(), pydicom.Dataset()
    name.CodeMeaning = "Report"
    item.ValueType, item.TextValue, item.ConceptNameCodeSequence = "TEXT", study.report, [name]
    dataset.ContentSequence = [item]
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    with replacing(path) as temporary:
        dataset.save_as(temporary, enforce_file_format=True)


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """Write the table of reports, the key, and files that do not belong in the folder."""
    rows = [
        (_accession(study), study.report)
        for _, study in studies_of(patients)
        if study.report is not None and not _in_structured_report(study)
    ]
    write_csv(root / "reports.csv", ("AccessionNumber", "Report"), [*rows, ("A0", "Whose is this?")])
    write_text(root / _KEY_FILE, _key(seed).decode())
    write_text(root / "README.TXT", "Insert the disc.\r\n")
    noise = np.random.default_rng(seed).integers(0, 255, (64, 64), dtype=np.uint8)
    for path, attributes in _STRAYS.items():
        write_dicom(root / path, noise, attributes={**attributes, "PatientID": "stray"})


_STRAYS = {"DICOMDIR": {}, "stray/IM000001": {"Modality": "CT", "StudyInstanceUID": "1.2.5"}}
"""DICOM files that are no films, with their headers."""


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study | Rejection]:
    """The studies under their pseudonyms, and rejections of everything else."""
    names = Pseudonymiser(_key(seed))
    for patient, study in studies_of(patients):
        folder = _folder(root, patient, study)
        films = list(enumerate(study.films, start=1))
        yield Study(
            study_id=names.of("study", uid_of("study", study.study_id)),
            patient_id=names.of("patient", patient.patient_id),
            images=tuple(
                Image(
                    names.of("image", uid_of("film", film.film_id)),
                    folder / _file_name(number, film),
                    _known_view(film),
                )
                for number, film in films
            ),
            report=Report(study.report) if study.report is not None else None,
            order=study.days - patient.studies[0].days,
            age=min(round(study.age), OLDEST + 1),
            sex=patient.sex,
        )
    for path in (*_STRAYS, *(f"truth/{table}.parquet" for table in SCHEMAS)):
        yield Rejection(names.of("file", path), "no film of the chest")
    yield Rejection(f"{names.of('file', 'README.TXT')}.txt", "not a DICOM file")
    yield Rejection(f"reports.csv row {_count_of_rows(patients) + 1}", "no study has this number")


def _count_of_rows(patients: Sequence[PatientTruth]) -> int:
    reported = (study for _, study in studies_of(patients) if study.report is not None)
    return sum(not _in_structured_report(study) for study in reported)
