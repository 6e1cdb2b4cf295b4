"""CheXpert-v1.0-small with CheXlocalize's labels of the test set and the reports of CheXpert Plus.

    CheXpert-v1.0-small/{train,valid}/patientN/studyN/viewN_frontal.jpg     films
    CheXpert-v1.0-small/train.csv, valid.csv                                Path, Sex, Age, view, 14 labels
    CheXpert/test/patientN/studyN/viewN_frontal.jpg                         films of the test set
    CheXpert/test_labels.csv                                                Path, 14 labels
    df_chexpert_plus_240401.csv                                             reports of both of the first

Labels of the training set come from the reports (1.0, 0.0, -1.0 or blank), those of the other two from the
films (1.0 or 0.0). Quirks kept: AP films of lying patients labelled AP, occasionally a frontal film labelled
LL, an age of 0 or a sex "Unknown" if unknown, no view, sex or age in the test set's table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plainfilm.io.images import write_jpeg
from plainfilm.phantom.publishing import studies_of, write_csv
from plainfilm.phantom.truth import CHEXPERT, Film, PatientTruth, StudyTruth
from plainfilm.seeding import generator
from plainfilm.types import Image, Label, Rejection, Report, State, Study, View

RELEASE = "CheXpert-v1.0-small"
_TEST_RELEASE = "CheXpert"
_FOLDERS = {"train": "train", "validation": "valid", "test": "test"}
_TABLES = {"train": "train", "validation": "valid", "test": "test_labels"}
_LICENCE = "Stanford University Dataset Research Use Agreement (CheXpert)"
OBSERVATIONS = (
    *("No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema"),
    *("Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other"),
    *("Fracture", "Support Devices"),
)
"""The columns of labels in their published order."""
_OPACITIES = {"Edema", "Consolidation", "Pneumonia", "Atelectasis", "Lung Lesion"}
_FILM_HEADER = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA")
_PLUS_HEADER = (
    "path_to_image",
    "path_to_dcm",
    "frontal_lateral",
    "ap_pa",
    "deid_patient_id",
    "patient_report_date_order",
    "report",
    "section_findings",
    "section_impression",
    "age",
    "sex",
    "split",
)


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The study's folder of JPEGs."""
    for place, array in zip(film_places(patient, study), films, strict=True):
        write_jpeg(array, root / place)


def film_places(patient: PatientTruth, study: StudyTruth) -> list[str]:
    """The paths of the films of a study below the corpus, in order, as in the tables."""
    release = _TEST_RELEASE if patient.split == "test" else RELEASE
    folder = f"{release}/{_FOLDERS[patient.split]}/patient{patient.patient_id}/study{study.order + 1}"
    return [
        f"{folder}/view{number}_{'frontal' if View(film.view).is_frontal else 'lateral'}.jpg"
        for number, film in enumerate(study.films, start=1)
    ]


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """The tables of films and labels, and the reports."""
    for split in ("train", "validation"):
        rows = [row for p, s in studies_of(patients) if p.split == split for row in film_rows(p, s, seed)]
        header = (*_FILM_HEADER, *OBSERVATIONS)
        write_csv(root / RELEASE / f"{_TABLES[split]}.csv", header, rows)
    test = [
        (place.removeprefix(f"{_TEST_RELEASE}/"), *_cells(study_states(patient, study)))
        for patient, study in studies_of(patients)
        if patient.split == "test"
        for place in film_places(patient, study)
    ]
    write_csv(root / _TEST_RELEASE / "test_labels.csv", ("Path", *OBSERVATIONS), test)
    reports = [row for p, s in studies_of(patients) if p.split != "test" for row in _report_rows(p, s)]
    write_csv(root / "df_chexpert_plus_240401.csv", _PLUS_HEADER, reports)


def film_rows(patient: PatientTruth, study: StudyTruth, seed: int) -> Iterator[tuple[str, ...]]:
    """A row per film: path, sex, age, plane, position and the labels of its study."""
    cells = _cells(study_states(patient, study))
    for place, film in zip(film_places(patient, study), study.films, strict=True):
        frontal = View(film.view).is_frontal
        plane = "Frontal" if frontal else "Lateral"
        position = _position(film, seed) if frontal else ""
        yield (place, _sex(patient, seed), _age(study, seed), plane, position, *cells)


def _sex(patient: PatientTruth, seed: int) -> str:
    unknown = generator(seed, "sex", patient.patient_id).random() < 0.02
    return "Unknown" if unknown else {"F": "Female", "M": "Male"}[patient.sex]


def _age(study: StudyTruth, seed: int) -> str:
    return "0" if _has_no_age(study, seed) else str(min(int(study.age), 90))


def _has_no_age(study: StudyTruth, seed: int) -> bool:
    return bool(generator(seed, "age", study.study_id).random() < 0.03)


def _position(film: Film, seed: int) -> str:
    if generator(seed, "position", film.film_id).random() < 0.03:
        return "LL"
    return "PA" if film.view == View.PA else "AP"


def study_states(patient: PatientTruth, study: StudyTruth) -> dict[str, int]:
    """The labels of a study: from the report in the training set, otherwise from the films."""
    if patient.split == "train":
        return {name: state for name, state in study.states.items() if name in CHEXPERT}
    there = {finding.observation for finding in study.findings}
    there |= {"Pneumonia" for finding in study.findings if finding.cause == "pneumonia"}
    if there & _OPACITIES:
        there.add("Lung Opacity")
    if "Cardiomegaly" in there:
        there.add("Enlarged Cardiomediastinum")
    if not (there & set(OBSERVATIONS)) - {"Support Devices"}:
        there.add("No Finding")
    return {name: int(name in there) for name in OBSERVATIONS}


def _cells(states: dict[str, int]) -> list[str]:
    return [f"{states[name]:.1f}" if name in states else "" for name in OBSERVATIONS]


def section_text(study: StudyTruth, section: str) -> str:
    """The sentences of one section of a study's report."""
    return " ".join(sentence.text for sentence in study.sentences if sentence.section == section)


def _report_rows(patient: PatientTruth, study: StudyTruth) -> Iterator[tuple[str, ...]]:
    for place, film in zip(film_places(patient, study), study.films, strict=True):
        path = place.removeprefix(f"{RELEASE}/")
        frontal = View(film.view).is_frontal
        yield (
            path,
            path.replace(".jpg", ".dcm"),
            "Frontal" if frontal else "Lateral",
            ("PA" if film.view == View.PA else "AP") if frontal else "",
            f"patient{patient.patient_id}",
            str(study.order + 1),
            study.report or "",
            section_text(study, "findings"),
            section_text(study, "impression"),
            str(min(int(study.age), 90)),
            {"F": "Female", "M": "Male"}[patient.sex],
            _FOLDERS[patient.split],
        )


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study | Rejection]:
    """The studies; an age of 0 is reported once, for the row of the study's first film."""
    rows = {"train": 0, "validation": 0, "test": 0}
    for patient, study in studies_of(patients):
        table, first = _TABLES[patient.split], rows[patient.split] + 1
        rows[patient.split] += len(study.films)
        if patient.split != "test" and _has_no_age(study, seed):
            yield Rejection(f"{table}.csv row {first}", "Age is '0'")
        yield expected_study(root, patient, study, seed)


def expected_study(root: Path, patient: PatientTruth, study: StudyTruth, seed: int) -> Study:
    """The study for a correct reader."""
    tested = patient.split == "test"
    study_id = f"patient{patient.patient_id}_study{study.order + 1}"
    origin = f"chexpert/{_TABLES[patient.split]}"
    has_age = not tested and not _has_no_age(study, seed)
    sex = None if tested or _sex(patient, seed) == "Unknown" else patient.sex
    return Study(
        study_id=study_id,
        patient_id=f"patient{patient.patient_id}",
        images=tuple(
            Image(
                f"{study_id}_{Path(place).stem}",
                root / place,
                _expected_view(film, tested, seed),
                licence=_LICENCE,
            )
            for place, film in zip(film_places(patient, study), study.films, strict=True)
        ),
        report=None if tested or study.report is None else Report(study.report, header_rules="chexpert"),
        labels=tuple(Label(n, State(s), origin) for n, s in study_states(patient, study).items()),
        split=patient.split,
        order=float(study.order + 1),
        age=float(min(int(study.age), 90)) if has_age else None,
        sex=sex,
    )


def _expected_view(film: Film, tested: bool, seed: int) -> View:
    if not View(film.view).is_frontal:
        return View.LATERAL
    position = _position(film, seed)
    return View.UNKNOWN if tested or position == "LL" else View(position)
