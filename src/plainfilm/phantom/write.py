"""Writes a whole phantom corpus in a layout with several processes, and its ground truth."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from plainfilm import __version__, plugins
from plainfilm.errors import ConfigError
from plainfilm.io.phantom_corpus import TRUTH
from plainfilm.io.processes import cores, in_processes
from plainfilm.io.unfinished import MARK, filling
from plainfilm.phantom.finished_patients import forget, keep, kept
from plainfilm.phantom.layouts.base import layout as resolve_layout
from plainfilm.phantom.population import Job, make_studies, patient_truth, plan
from plainfilm.phantom.truth import PatientTruth, StudyTruth
from plainfilm.phantom.truth_tables import write_truth
from plainfilm.progress import SILENT, Progress

_ALONE = 16
"""Up to this many studies, starting other processes costs more than it saves."""


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
    """Write exactly `studies` studies in the raw layout called `layout` to the folder `out`.

    The longer side of every film has `size` pixels. The same layout, `studies`, `seed` and `size` give the
    same bytes for any number of `workers` (by default all cores, or one for a few studies). The ground truth
    of every film and sentence is returned and written to `out/truth` (see `truth_tables`), which is no part
    of the published layout. A corpus that was interrupted goes on after its finished patients.

    Raises:
        ConfigError: no such layout, or `studies` or `size` is too small.
        UsageError: `out` is neither empty nor an unfinished corpus of these arguments, or is being written.
    """
    chosen = resolve_layout(layout)
    _check(studies, size)
    reports = getattr(chosen, "REPORTS", "english")
    jobs = plan(studies, seed, size, getattr(chosen, "SCENARIOS", None), reports)
    processes = workers or (1 if studies <= _ALONE else cores())
    work = {"layout": layout, "studies": studies, "seed": seed, "size": size, "version": __version__}
    with filling(out, work):
        made = in_processes(partial(_make_patient, layout, out), jobs, processes, (__name__,))
        patients = list(_tracked(made, studies, progress))
        forget(out)
        chosen.write_tables(out, patients, seed)
        write_truth(out / TRUTH, patients)
    return patients


def write_once(
    layout: str, out: Path, *, studies: int, seed: int = 0, size: int = 512, progress: Progress = SILENT
) -> None:
    """Write a corpus as `write` does, unless a whole one is in `out`."""
    if not (out / TRUTH).is_dir() or (out / MARK).is_file():
        write(layout, out, studies=studies, seed=seed, size=size, progress=progress)


def _check(studies: int, size: int) -> None:
    if studies < 1:
        raise ConfigError(f"studies = {studies}: a corpus has at least 1")
    if size < 32:
        raise ConfigError(f"size = {size}: a film has at least 32 pixels on its longer side")


def _tracked(done: Iterator[PatientTruth], studies: int, progress: Progress) -> Iterator[PatientTruth]:
    """Yield the patients while progress counts their studies."""

    def one_by_one() -> Iterator[tuple[PatientTruth, StudyTruth]]:
        for patient in done:
            for study in patient.studies:
                yield patient, study

    for patient, study in progress.track(one_by_one(), studies, "phantom studies"):
        if study is patient.studies[-1]:
            yield patient


def _make_patient(layout_name: str, out: Path, job: Job) -> PatientTruth:
    known = kept(out, job.patient)
    if known is not None:
        return known
    chosen = resolve_layout(layout_name)
    studies = []
    for study, films in make_studies(job):
        chosen.write_study(out, patient_truth(job, [study]), study, films)
        studies.append(study)
    patient = patient_truth(job, studies)
    keep(out, job.patient, patient)
    return patient


def layouts() -> list[str]:
    """The names of the available layouts."""
    return plugins.names("phantom layout")
