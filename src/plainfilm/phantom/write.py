"""Writes a whole phantom corpus in a layout, over several processes, and the truth beside it."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

from plainfilm import plugins
from plainfilm.errors import ConfigError, UsageError
from plainfilm.phantom.layouts.base import layout as resolve_layout
from plainfilm.phantom.population import Job, make_studies, patient_truth, plan
from plainfilm.phantom.truth import PatientTruth, StudyTruth
from plainfilm.phantom.truth_tables import write_truth
from plainfilm.progress import SILENT, Progress

_ALONE = 16
"""Up to so many studies, starting other processes costs more than it saves."""


def write(
    layout: str,
    out: Path,
    *,
    studies: int,
    seed: int = 0,
    size: int = 512,
    workers: int | None = None,
    progress: Progress = SILENT,
) -> list[PatientTruth]:
    """Writes exactly `studies` studies in the raw layout called `layout` to the folder `out`.

    The longer side of every film has `size` pixels. The same layout, `studies`, `seed` and `size` give the
    same bytes, whatever the number of `workers` (by default all cores, or one for a few studies). What is
    true of every film and sentence goes to `out/truth` (see `truth_tables`), which is no part of the
    published layout, and is returned.

    Raises:
        ConfigError: no such layout, or `studies` or `size` is too small.
        UsageError: `out` exists and is not an empty folder.
    """
    chosen = resolve_layout(layout)
    _check(out, studies, size)
    out.mkdir(parents=True, exist_ok=True)
    reports = getattr(chosen, "REPORTS", "english")
    jobs = plan(studies, seed, size, getattr(chosen, "STORIES", None), reports)
    processes = workers or (1 if studies <= _ALONE else os.cpu_count() or 1)
    patients = list(_tracked(_run(jobs, layout, out, processes), studies, progress))
    chosen.write_tables(out, patients, seed)
    write_truth(out / "truth", patients)
    return patients


def _check(out: Path, studies: int, size: int) -> None:
    if studies < 1:
        raise ConfigError(f"studies = {studies}: a corpus has at least 1")
    if size < 32:
        raise ConfigError(f"size = {size}: a film has at least 32 pixels on its longer side")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: exists and is not an empty folder; choose another --out or remove it first")


def _tracked(done: Iterator[PatientTruth], studies: int, progress: Progress) -> Iterator[PatientTruth]:
    """Passes patients on while progress counts their studies."""

    def one_by_one() -> Iterator[tuple[PatientTruth, StudyTruth]]:
        for patient in done:
            for study in patient.studies:
                yield patient, study

    for patient, study in progress.track(one_by_one(), studies, "phantom studies"):
        if study is patient.studies[-1]:
            yield patient


def _run(jobs: list[Job], layout_name: str, out: Path, workers: int) -> Iterator[PatientTruth]:
    make = partial(_make_patient, layout_name, out)
    if workers == 1:
        yield from map(make, jobs)
        return
    # Spawned, not forked: the parent may run threads, which a fork does not survive.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        yield from pool.map(make, jobs, chunksize=4)


def _make_patient(layout_name: str, out: Path, job: Job) -> PatientTruth:
    chosen = resolve_layout(layout_name)
    studies = []
    for study, films in make_studies(job):
        chosen.write_study(out, patient_truth(job, [study]), study, films)
        studies.append(study)
    return patient_truth(job, studies)


def layouts() -> list[str]:
    """The names of the layouts there are."""
    return plugins.names("phantom layout")
