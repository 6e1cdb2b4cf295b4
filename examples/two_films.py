"""A phantom layout: that of MIMIC-CXR, but only studies of one PA and one lateral film that have a report.

    plainfilm phantom examples/two_films.py --studies 6000 --out raw

About a third of the studies of a hospital are of this kind; `--studies` counts all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plainfilm.phantom.layouts import mimic_cxr
from plainfilm.phantom.truth import PatientTruth, StudyTruth
from plainfilm.types import Study, View


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The films and the report of a study that is kept."""
    if _is_kept(study):
        mimic_cxr.write_study(root, patient, study, films)


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """The tables of MIMIC-CXR-JPG, of the kept studies."""
    mimic_cxr.write_tables(root, list(_kept(patients)), seed)


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study]:
    """The kept studies, as MIMIC-CXR has them."""
    return mimic_cxr.expected(root, list(_kept(patients)), seed)


def _kept(patients: Sequence[PatientTruth]) -> Iterator[PatientTruth]:
    for patient in patients:
        studies = tuple(study for study in patient.studies if _is_kept(study))
        if studies:
            yield replace(patient, studies=studies)


def _is_kept(study: StudyTruth) -> bool:
    views = sorted(film.view for film in study.films)
    return study.report is not None and views == sorted((View.PA, View.LATERAL))
