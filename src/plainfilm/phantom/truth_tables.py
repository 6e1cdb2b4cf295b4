"""Writes the ground truth of a phantom corpus: Parquet tables in a folder `truth` beside the raw layout.

studies.parquet      patient_id, study_id, split, order, days, age, sex, has_report
states.parquet       study_id, observation, state            the states of the whole report
findings.parquet     study_id and the fields of `truth.Finding`, with its observation
sentences.parquet    study_id, position, section, text, start, end
sentence_states.parquet   study_id, position, observation, state
films.parquet        study_id, film_id, view, width, height, spacing_mm
boxes.parquet        film_id, kind (finding or region), name, observation, x0, y0, x1, y1
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from plainfilm.io.tables import write_parquet
from plainfilm.phantom.truth import PatientTruth, StudyTruth

_TYPES = {
    "order": pa.int32(),
    "days": pa.int32(),
    "age": pa.float64(),
    "has_report": pa.bool_(),
    "state": pa.int8(),
    "severity": pa.float64(),
    "seed": pa.int64(),
    "stated": pa.int8(),
    "position": pa.int32(),
    "start": pa.int32(),
    "end": pa.int32(),
    "width": pa.int32(),
    "height": pa.int32(),
    "spacing_mm": pa.float64(),
    "x0": pa.float64(),
    "y0": pa.float64(),
    "x1": pa.float64(),
    "y1": pa.float64(),
}
"""The type of each column that is not text."""


def _schema(columns: str) -> pa.Schema:
    return pa.schema([(name, _TYPES.get(name, pa.string())) for name in columns.split()])


SCHEMAS: dict[str, pa.Schema] = {
    "studies": _schema("patient_id study_id split order days age sex has_report"),
    "states": _schema("study_id observation state"),
    "findings": _schema("study_id key kind observation side site severity seed variant cause change stated"),
    "sentences": _schema("study_id position section text start end"),
    "sentence_states": _schema("study_id position observation state"),
    "films": _schema("study_id film_id view width height spacing_mm"),
    "boxes": _schema("film_id kind name observation x0 y0 x1 y1"),
}

Rows = Iterator[tuple[str, dict[str, Any]]]
"""(table, row) pairs."""


def write_truth(folder: Path, patients: Sequence[PatientTruth]) -> None:
    """Write all tables; see the module."""
    tables: dict[str, list[dict[str, Any]]] = {name: [] for name in SCHEMAS}
    for patient in patients:
        for study in patient.studies:
            for name, row in _rows(patient, study):
                tables[name].append(row)
    for name, rows in tables.items():
        write_parquet(rows, SCHEMAS[name], folder / f"{name}.parquet")


def _rows(patient: PatientTruth, study: StudyTruth) -> Rows:
    identity = {"study_id": study.study_id}
    about = {
        "order": study.order,
        "days": study.days,
        "age": study.age,
        "has_report": study.report is not None,
    }
    person = {"patient_id": patient.patient_id, "split": patient.split, "sex": patient.sex}
    yield "studies", identity | about | person
    for name, state in study.states.items():
        yield "states", identity | {"observation": name, "state": state}
    for finding in study.findings:
        yield "findings", identity | asdict(finding) | {"observation": finding.observation}
    yield from _sentence_rows(study)
    yield from _film_rows(study)


def _sentence_rows(study: StudyTruth) -> Rows:
    for position, sentence in enumerate(study.sentences):
        place = {"study_id": study.study_id, "position": position}
        span = {"section": sentence.section, "start": sentence.start, "end": sentence.end}
        yield "sentences", place | span | {"text": sentence.text}
        for name, state in sentence.states:
            yield "sentence_states", place | {"observation": name, "state": state}


def _film_rows(study: StudyTruth) -> Rows:
    observations = {finding.key: finding.observation for finding in study.findings}
    for film in study.films:
        size = {"width": film.width, "height": film.height, "spacing_mm": film.spacing_mm}
        yield "films", {"study_id": study.study_id, "film_id": film.film_id, "view": film.view} | size
        for box in film.boxes:
            seen = observations.get(box.name) if box.kind == "finding" else None
            yield "boxes", {"film_id": film.film_id, "observation": seen} | asdict(box)
