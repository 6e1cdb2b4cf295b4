"""PadChest-GR as BIMCV distributes it: reports of single sentences with boxes, on frontal films.

    grounded_reports_20240819.json          a study each: StudyID, ImageID, PreviousStudyID, ..., findings
    master_table.csv                        a row per study and label
    Padchest_GR_files/PadChest_GR/*.png     films

Quirks kept: findings that are not abnormal have no labels and boxes, some boxes are drawn by a second reader
too, boxes that stick out of the film, a sentence of several labels, a missing film, a box that is inverted.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.phantom import padchest
from plainfilm.phantom.publishing import (
    finding_boxes,
    frontal_films,
    studies_of,
    write_csv,
    write_json_lines,
)
from plainfilm.phantom.truth import Film, Finding, PatientTruth, StatedSentence, StudyTruth
from plainfilm.seeding import generator
from plainfilm.text.structured import report_of
from plainfilm.types import Box, Image, Rejection, Study

_REPORTS, _TABLE = "grounded_reports_20240819.json", "master_table.csv"
COLUMNS = (
    *("StudyID", "ImageID", "label", "boxes_count", "extra_boxes_count", "locations", "prior_study"),
    *("progression_status", "prior_imageID", "sentence_en", "sentence_es", "study_is_benchmark"),
    *(
        "study_is_validation",
        "split",
        "PatientID",
        "patient_is_benchmark",
        "PatientBirth",
        "PatientSex_DICOM",
    ),
    *("StudyDate_DICOM", "StudyDate", "PatientAge", "label_group", "Year"),
)
_FILMS = Path("Padchest_GR_files", "PadChest_GR")
_LOST, _SECOND, _OUT, _INVERTED = 0.04, 0.4, 0.1, 0.04
_PROGRESS = {"stable": "stable", "worse": "worsened", "better": "improved"}


@dataclass(frozen=True)
class _Said:
    """A sentence of a report, the findings it states, and their boxes in fractions by reader."""

    sentence: StatedSentence
    findings: tuple[Finding, ...]
    first: tuple[tuple[float, ...], ...]
    second: tuple[tuple[float, ...], ...]

    @property
    def labels(self) -> list[str]:
        """The labels of PadChest."""
        return padchest.labels_of(self.findings)


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The first frontal film."""
    for film in _film(study):
        if not _is_lost(film):
            padchest.write_film(_path(root, study, film), films[study.films.index(film)])


def _film(study: StudyTruth) -> list[Film]:
    return frontal_films(study)[:1]


def _published(patients: Sequence[PatientTruth]) -> Iterator[tuple[PatientTruth, StudyTruth, Film]]:
    for patient, study in studies_of(patients):
        for film in _film(study):
            yield patient, study, film


def _path(root: Path, study: StudyTruth, film: Film) -> Path:
    return root / _FILMS / padchest.image_name(study, film)


def _chance(*what: str) -> float:
    return float(generator("padchest_gr", *what).random())


def _is_lost(film: Film) -> bool:
    return _chance(film.film_id, "lost") < _LOST


def _report(study: StudyTruth, film: Film) -> list[_Said]:
    """The sentences that state something, each once."""
    said: dict[str, _Said] = {}
    for sentence in study.sentences:
        text = " ".join(sentence.text.split())
        if sentence.states and text not in said:
            stated = {name for name, state in sentence.states if state == 1}
            found = tuple(one for one in study.findings if one.observation in stated)
            said[text] = _Said(sentence, found, *_drawn(study, film, found))
    return list(said.values())


def _drawn(
    study: StudyTruth, film: Film, found: Sequence[Finding]
) -> tuple[tuple[tuple[float, ...], ...], tuple[tuple[float, ...], ...]]:
    """The boxes of the first and of the second reader, in fractions of the film."""
    keys = {finding.key for finding in found}
    first, second = [], []
    for finding, box in finding_boxes(study, film):
        if finding.key in keys:
            corners = [box.x0 / film.width, box.y0 / film.height, box.x1 / film.width, box.y1 / film.height]
            corners[3] += 0.3 if _chance(film.film_id, finding.key, "out") < _OUT and corners[3] > 0.75 else 0
            first.append(tuple(round(corner, 4) for corner in corners))
            if _chance(film.film_id, finding.key, "second") < _SECOND:
                smaller = [corner * 0.98 + 0.01 for corner in corners]
                second.append(tuple(round(corner, 4) for corner in smaller))
    return tuple(first), tuple(second)


def _is_inverted(film: Film) -> bool:
    """Whether a sentence about nothing has a box with its corners in the wrong order."""
    return _chance(film.film_id, "inverted") < _INVERTED


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """The reports and the table."""
    studies, rows = [], []
    for patient, study, film in _published(patients):
        report = _report(study, film)
        entry = {"StudyID": padchest.study_id(study), "ImageID": padchest.image_name(study, film)}
        entry |= {"PreviousStudyID": None, "PreviousImageID": None}
        findings = [_finding(one) for one in report]
        if findings and _is_inverted(film):
            findings[0]["extra_boxes"] = [*findings[0].get("extra_boxes", []), [0.6, 0.2, 0.4, 0.3]]
        studies.append({**entry, "findings": findings})
        rows += [_row(patient, study, film, label) for label in _labels(report)]
    write_json_lines(root / _REPORTS, studies)
    write_csv(root / _TABLE, COLUMNS, rows)


def _finding(said: _Said) -> dict[str, Any]:
    sides = [finding.side for finding in said.findings]
    labels = said.labels
    spanish = [padchest.spanish(label, sides[0] if sides else None) for label in labels]
    finding: dict[str, Any] = {
        "sentence_en": said.sentence.text,
        "sentence_es": " ".join(spanish) or "Sin hallazgos patológicos.",
        "abnormal": bool(said.findings),
    }
    if said.findings:
        change = said.findings[0].change
        finding |= {"boxes": said.first, "extra_boxes": said.second, "labels": labels}
        finding |= {"locations": [f"loc {side}" for side in sides if side in ("left", "right")]}
        finding |= {"progression": _PROGRESS.get(change or "")}
    return finding


def _labels(report: Sequence[_Said]) -> list[str]:
    """The labels of the whole report."""
    return list(dict.fromkeys(label for said in report for label in said.labels)) or ["Normal"]


def _row(patient: PatientTruth, study: StudyTruth, film: Film, label: str) -> list[object]:
    stated: dict[str, object] = {
        "StudyID": padchest.study_id(study),
        "ImageID": padchest.image_name(study, film),
        "label": label,
        "study_is_benchmark": True,
        "study_is_validation": False,
        "split": patient.split,
        "PatientID": padchest.patient_id(patient),
        "PatientBirth": padchest.year_of_birth(study),
        "PatientSex_DICOM": patient.sex,
        "StudyDate_DICOM": f"{padchest.day(study):%Y%m%d}",
        "StudyDate": f"{padchest.day(study):%Y-%m-%d}",
        "PatientAge": int(study.age),
        "Year": padchest.day(study).year,
    }
    return [stated.get(column, "") for column in COLUMNS]


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study | Rejection]:
    """A study per film, with boxes in its pixels for the phrases and for what they name."""
    for patient, study, film in _published(patients):
        name, report = padchest.image_name(study, film), _report(study, film)
        if _is_lost(film):
            yield Rejection(name, "not on disk")
            continue
        if report and _is_inverted(film):
            yield Rejection(_REPORTS, "an inverted box")
        image = Image(
            name.removesuffix(".png"),
            _path(root, study, film),
            boxes=tuple(box for said in report for box in _boxes(said, film)),
            licence=padchest.LICENCE,
        )
        text = " ".join(" ".join(said.sentence.text.split()) for said in report)
        labels = [label for said in report for label in said.labels]
        yield Study(
            padchest.study_id(study),
            padchest.patient_id(patient),
            (image,),
            report_of([("findings", text)]) if report else None,
            tuple(padchest.expected_labels(list(dict.fromkeys(labels)), "padchest_gr")) if report else (),
            split=patient.split,
            age=float(int(study.age)),
            sex=patient.sex,
        )


def _boxes(said: _Said, film: Film) -> Iterator[Box]:
    names = [padchest.name_of(label) for label in said.labels]
    for reader, boxes in (("first", said.first), ("second", said.second)):
        for x0, y0, x1, y1 in boxes:
            corners = x0 * film.width, y0 * film.height, x1 * film.width, y1 * film.height
            phrase = " ".join(said.sentence.text.split())
            yield Box("; ".join(names), "phrase", *corners, annotator=reader, phrase=phrase)
            for name in names:
                yield Box(name, "observation", *corners, annotator=reader)
