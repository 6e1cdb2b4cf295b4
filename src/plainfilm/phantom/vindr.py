"""Shared by both publications of VinDr-CXR: their films, file formats and classes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from plainfilm.phantom.dicom_files import Syntax, write_dicom
from plainfilm.phantom.publishing import frontal_films, studies_of
from plainfilm.phantom.truth import Film, Finding, PatientTruth, StudyTruth
from plainfilm.seeding import generator

_LOCAL = {
    "cardiomegaly": "Cardiomegaly",
    "nodule": "Nodule/Mass",
    "mass": "Nodule/Mass",
    "opacity": "Lung Opacity",
    "edema": "Edema",
    "consolidation": "Consolidation",
    "plate_atelectasis": "Atelectasis",
    "lobar_atelectasis": "Atelectasis",
    "pneumothorax": "Pneumothorax",
    "effusion": "Pleural effusion",
    "pleural_thickening": "Pleural thickening",
    "pleural_plaques": "Pleural thickening",
    "rib_fracture": "Rib fracture",
    "clavicle_fracture": "Clavicle fracture",
    "emphysema": "Emphysema",
    "fibrosis": "Pulmonary fibrosis",
    "tuberculosis": "Infiltration",
    "hernia": "Other lesion",
    "subcutaneous_emphysema": "Other lesion",
    "pneumomediastinum": "Other lesion",
    "foreign_body": "Other lesion",
}
"""The class, with boxes, of each kind of finding; devices are not annotated."""
_GLOBAL = {"mass": "Lung tumor", "emphysema": "COPD", "tuberculosis": "Tuberculosis"}
_COMPRESSED: tuple[Syntax, ...] = tuple(name for name in get_args(Syntax) if name.startswith(("jpeg", "rle")))


def local_class(finding: Finding) -> str | None:
    """The class of VinDr-CXR for the boxes around a finding."""
    if finding.kind == "wide_mediastinum":
        return "Aortic enlargement" if finding.variant == "aorta" else "Other lesion"
    if finding.kind == "nodule" and finding.variant == "calcified":
        return "Calcification"
    return _LOCAL.get(finding.kind)


def global_classes(study: StudyTruth) -> set[str]:
    """The labels of the whole film."""
    stated = {_GLOBAL[finding.kind] for finding in study.findings if finding.kind in _GLOBAL}
    pneumonia = any(finding.cause == "pneumonia" for finding in study.findings)
    return stated | ({"Pneumonia"} if pneumonia else set())


def published(patients: Sequence[PatientTruth], part: str) -> Iterator[tuple[PatientTruth, StudyTruth, Film]]:
    """The films of a part, train or test: the first frontal film of each study.

    The corpus has PA films only and states so; phantoms taken AP are included nevertheless, for their tubes
    and collapsed lungs.
    """
    for patient, study in studies_of(patients):
        films = frontal_films(study)
        if films and part_of(patient) == part:
            yield patient, study, films[0]


def part_of(patient: PatientTruth) -> str:
    """The corpus has no validation part."""
    return "test" if patient.split == "test" else "train"


def image_id(corpus: str, film: Film) -> str:
    """32 hexadecimal digits, as in both publications, different in each."""
    return hashlib.md5(f"{corpus} {film.film_id}".encode(), usedforsecurity=False).hexdigest()


def write_film(path: Path, film: Film, array: NDArray[np.uint8], attributes: dict[str, Any]) -> None:
    """Write a film as one of many scanners would: 10 to 16 bits, either polarity, compressed or not."""
    rng = generator("vindr film", path.stem)
    compressed = rng.random() < 0.35
    write_dicom(
        path,
        array,
        bits_stored=int(rng.choice([10, 12, 12, 14, 14, 16])),
        photometric="MONOCHROME1" if rng.random() < 0.25 else "MONOCHROME2",
        syntax=_COMPRESSED[int(rng.integers(len(_COMPRESSED)))] if compressed else "explicit",
        window=bool(rng.random() < 0.85),
        spacing_mm=film.spacing_mm,
        attributes=attributes,
    )


def header(patient: PatientTruth, study: StudyTruth, film: Film) -> dict[str, Any]:
    """Sex and age as in the header: unknown ones are written O and 000Y."""
    if generator("vindr header", film.film_id).random() < 0.15:
        return {"PatientSex": "O", "PatientAge": "000Y"}
    return {"PatientSex": patient.sex, "PatientAge": f"{int(study.age):03d}Y"}


def stated_person(patient: PatientTruth, study: StudyTruth, film: Film) -> tuple[str | None, float | None]:
    """Sex and age for a correct reader of this header."""
    known = header(patient, study, film)["PatientSex"] != "O"
    return (patient.sex, float(int(study.age))) if known else (None, None)
