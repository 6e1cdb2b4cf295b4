"""GLoRIA's `chexpert_5x200.csv` beside CheXpert: frontal films that show one of five findings.

    chexpert_5x200.csv                               Path, Report Impression, five labels
    CheXpert-v1.0-small/..., ...                     CheXpert (layout `chexpert`)

The films are from the training set. Quirk kept: a column of row numbers without a header.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from plainfilm.phantom.layouts import chexpert
from plainfilm.phantom.publishing import studies_of, write_csv
from plainfilm.phantom.truth import PatientTruth, StudyTruth
from plainfilm.text.structured import report_of
from plainfilm.types import Label, State, Study, View

write_study = chexpert.write_study
FINDINGS = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
_OF_EACH = 200


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """CheXpert's tables and the table of the chosen films."""
    chexpert.write_tables(root, patients, seed)
    rows = [
        (
            number,
            chexpert.film_places(patient, study)[_frontal(study)],
            chexpert.section_text(study, "impression"),
            *(f"{_states(study)[name]:.1f}" for name in FINDINGS),
        )
        for number, (patient, study) in enumerate(_chosen(patients))
    ]
    write_csv(root / "chexpert_5x200.csv", ("", "Path", "Report Impression", *FINDINGS), rows)


def _chosen(patients: Sequence[PatientTruth]) -> Iterator[tuple[PatientTruth, StudyTruth]]:
    """Studies for training with a frontal film and an impression that show exactly one of the findings."""
    left = dict.fromkeys(FINDINGS, _OF_EACH)
    for patient, study in studies_of(patients):
        shown = [name for name, state in _states(study).items() if state]
        fits = len(shown) == 1 and left[shown[0]] and chexpert.section_text(study, "impression")
        if patient.split == "train" and fits and any(View(film.view).is_frontal for film in study.films):
            left[shown[0]] -= 1
            yield patient, study


def _states(study: StudyTruth) -> dict[str, int]:
    return {name: int(study.states.get(name) == 1) for name in FINDINGS}


def _frontal(study: StudyTruth) -> int:
    """The index of the first frontal film."""
    return next(place for place, film in enumerate(study.films) if View(film.view).is_frontal)


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study]:
    """The chosen studies with their one film, without a view (the table has none), all for testing."""
    for patient, study in _chosen(patients):
        whole = chexpert.expected_study(root, patient, study, seed)
        film = whole.images[_frontal(study)]
        yield replace(
            whole,
            images=(replace(film, view=View.UNKNOWN),),
            report=report_of([("impression", chexpert.section_text(study, "impression"))], "chexpert"),
            labels=tuple(Label(n, State(s), "chexpert5x200") for n, s in _states(study).items()),
            split="test",
            age=None,
            sex=None,
        )
