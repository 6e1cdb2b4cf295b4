"""Studies of the archive that the server was started with (`--dicomweb`), and of no other."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from plainfilm.dicomweb.archive import Archive
from plainfilm.dicomweb.studies import ListedStudy
from plainfilm.io import limits
from plainfilm.serve.archive_access import ArchiveAccess, OpenedStudy, open_study
from plainfilm.serve.problems import documented
from plainfilm.serve.routes.films import document
from plainfilm.serve.schema import ArchiveFilms, ArchiveSearch, ArchiveStudies, StudyOfArchive
from plainfilm.serve.served_model import ServedModel
from plainfilm.serve.service import Service, Serving

router = APIRouter(tags=["archive"])

_ERRORS = documented("not_possible", "archive_failed", "busy", "timeout")


def offered(service: Service, model: ServedModel) -> bool:
    """Whether the server has an archive."""
    return service.archive is not None and model is service.main


def _archive(service: Service) -> ArchiveAccess:
    assert service.archive is not None  # the routes are not offered without it
    return service.archive


# What is looked for names a person, so it is the body of a request: addresses stand in logs of proxies.
@router.post("/api/archive/studies", response_model=ArchiveStudies, responses=_ERRORS)
async def studies(asked: ArchiveSearch, service: Serving) -> dict[str, Any]:
    """The studies of the archive that fit, the newest first; at most fifty."""
    filters = filters_of(asked)

    def question(archive: Archive) -> list[ListedStudy]:
        return archive.studies(filters, limits.MOST_STUDIES_LISTED)

    found = await _archive(service).run(question)
    found.sort(key=lambda study: study.date, reverse=True)
    return {"studies": [asdict(study) for study in found]}


@router.post("/api/archive/films", response_model=ArchiveFilms, responses=_ERRORS)
async def films(asked: StudyOfArchive, service: Serving) -> dict[str, Any]:
    """Open the films of a study of the archive; what is no usable film is left out, with the reason."""

    def question(archive: Archive) -> OpenedStudy:
        return open_study(archive, asked.study, service.films)

    opened = await _archive(service).run(question)
    return {"films": [document(film) for film in opened.films], "left_out": opened.left_out}


def filters_of(asked: ArchiveSearch) -> dict[str, str]:
    """A search as DICOM keywords and values; a name fits where it stands anywhere in a patient's."""
    filters = {}
    if asked.patient:
        filters["PatientID"] = asked.patient
    if asked.name:
        filters["PatientName"] = f"*{asked.name}*"
    if asked.since or asked.until:
        filters["StudyDate"] = f"{asked.since}-{asked.until}"
    return filters
