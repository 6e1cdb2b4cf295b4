"""Findings of a film: zero-shot with prompts, or a classifier's."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from plainfilm.predictor.documents import Questions
from plainfilm.serve.problems import documented
from plainfilm.serve.schema import FilmId, Findings
from plainfilm.serve.served_model import ServedModel
from plainfilm.serve.service import Answering, Service, Serving

router = APIRouter(tags=["questions"])


def offered(service: Service, model: ServedModel) -> bool:
    """Whether the model has an answer for observations."""
    return model.has_findings


@router.post(
    "/api/films/{film_id}/findings",
    response_model=Findings,
    responses=documented("not_found", "not_possible", "busy", "timeout"),
)
async def findings(film_id: FilmId, service: Serving, model: Answering) -> dict[str, Any]:
    """All observations, most probable first; calibrated if the model has operating points."""
    film = service.films.get(film_id)
    found = await service.run("findings", lambda: service.answers(film, model, Questions(), findings=True))
    return {"findings": found["findings"]}
