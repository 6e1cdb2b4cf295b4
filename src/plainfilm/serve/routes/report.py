"""Reports of films."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from plainfilm.predictor.documents import Questions
from plainfilm.serve.problems import documented
from plainfilm.serve.schema import FilmId, WrittenReport
from plainfilm.serve.served_model import ServedModel
from plainfilm.serve.service import Answering, Service, Serving

router = APIRouter(tags=["questions"])


def offered(service: Service, model: ServedModel) -> bool:
    """Whether the model writes reports."""
    return model.writes_reports


@router.post(
    "/api/films/{film_id}/report",
    response_model=WrittenReport,
    responses=documented("not_found", "not_possible", "busy", "timeout"),
)
async def report(film_id: FilmId, service: Serving, model: Answering) -> dict[str, Any]:
    """A report of the film, sentence by sentence, with boxes if the model gives any."""
    film = service.films.get(film_id)
    found = await service.run("report", lambda: service.answers(film, model, Questions(report=True)))
    return {"report": found["report"]}
