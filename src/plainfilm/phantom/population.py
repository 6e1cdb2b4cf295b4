"""The phantom's population: who there is, which studies they have, and one patient's films and reports.

Everything about a patient follows from (seed, the patient's number), so that patients can be made in any
order and by any number of processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plainfilm.phantom.body import Patient
from plainfilm.phantom.film import render_film
from plainfilm.phantom.history import Visit, draw_visits
from plainfilm.phantom.reports import WRITERS, WrittenReport
from plainfilm.phantom.truth import Film, PatientTruth, StudyTruth
from plainfilm.seeding import generator, stable_hash

MOST_STUDIES = 8
"""The most studies one patient has."""
_TEST, _VALIDATION = 0.15, 0.08
_LOST_REPORTS = 0.015
_IDS = 10_000_000
_DAILY = ("bedside", "critical", "after_surgery")
"""Stories whose studies are days apart, not months."""


@dataclass(frozen=True)
class Job:
    """One patient to make: their number, how many studies, the number of the first, and their split.

    stories: the shares of `stories.STORIES` among all patients, where they are not those of a whole hospital.
    reports: a name of `reports.WRITERS`.
    """

    seed: int
    patient: int
    studies: int
    first_study: int
    split: str
    size: int
    stories: Mapping[str, float] | None = None
    reports: str = "english"


def plan(
    studies: int,
    seed: int,
    size: int,
    stories: Mapping[str, float] | None = None,
    reports: str = "english",
) -> list[Job]:
    """The patients that together have exactly `studies` studies, about 15 % to test, 8 % to validation."""
    counts: list[int] = []
    while sum(counts) < studies:
        rng = generator(seed, "patient", len(counts), "studies")
        counts.append(min(int(rng.geometric(0.5)), MOST_STUDIES, studies - sum(counts)))
    splits = _splits(len(counts), seed)
    first = np.concatenate([[0], np.cumsum(counts)]).tolist()
    return [
        Job(seed, n, count, first[n], splits[n], size, stories, reports) for n, count in enumerate(counts)
    ]


def _splits(patients: int, seed: int) -> list[str]:
    order = np.argsort([stable_hash(seed, "split", number) for number in range(patients)])
    test = max(round(patients * _TEST), 1 if patients >= 3 else 0)
    validation = max(round(patients * _VALIDATION), 1 if patients >= 3 else 0)
    splits = ["train"] * patients
    for place, number in enumerate(order):
        if place < test + validation:
            splits[number] = "test" if place < test else "validation"
    return splits


def draw_patient(seed: int, number: int) -> Patient:
    """The patient of that number in the world of `seed`."""
    return Patient.draw(generator(seed, "patient", number, "build"))


def make_studies(job: Job) -> Iterator[tuple[StudyTruth, list[NDArray[np.uint8]]]]:
    """The studies of one patient in time, each with its films."""
    patient = draw_patient(job.seed, job.patient)
    rng = generator(job.seed, "patient", job.patient, "history")
    days = 0
    for index, visit in enumerate(draw_visits(job.studies, rng, job.stories)):
        number = job.first_study + index
        words = generator(job.seed, "study", number, "report")
        age = patient.age + days // 365
        written = WRITERS[job.reports](age, patient.sex, visit, words)
        lost = bool(generator(job.seed, "study", number, "lost").random() < _LOST_REPORTS)
        films, arrays = _make_films(patient, visit, job, number)
        yield _study_truth(job, number, index, days, age, written, lost, films), arrays
        days += int(rng.integers(1, 6) if visit.story in _DAILY else rng.integers(10, 420))


def _study_truth(
    job: Job,
    number: int,
    index: int,
    days: int,
    age: float,
    written: WrittenReport,
    lost: bool,
    films: list[Film],
) -> StudyTruth:
    return StudyTruth(
        study_id=str(5 * _IDS + (number * 6_700_417 + 1_234_577 + job.seed * 7919) % _IDS),
        order=index,
        days=days,
        age=age,
        findings=written.findings,
        films=tuple(films),
        report=None if lost else written.text,
        sentences=() if lost else written.sentences,
        states={} if lost else written.states,
    )


def _make_films(
    patient: Patient, visit: Visit, job: Job, number: int
) -> tuple[list[Film], list[NDArray[np.uint8]]]:
    films, arrays = [], []
    for index, view in enumerate(visit.views):
        seed = stable_hash(job.seed, "study", number, "film", index)
        made = render_film(patient, visit.findings, view, seed, job.size)
        height, width = made.array.shape
        films.append(Film(_film_id(seed), view.value, width, height, made.spacing_mm, made.boxes))
        arrays.append(made.array)
    return films, arrays


def _film_id(seed: int) -> str:
    """An id of five groups of eight hexadecimal digits."""
    return "-".join(f"{stable_hash(seed, 'film id', group, bits=32):08x}" for group in range(5))


def patient_truth(job: Job, studies: list[StudyTruth]) -> PatientTruth:
    """The record of one patient of the plan."""
    identity = str(_IDS + (job.patient * 7_368_787 + 4_141_593 + job.seed * 104_729) % _IDS)
    return PatientTruth(identity, draw_patient(job.seed, job.patient).sex, job.split, tuple(studies))
