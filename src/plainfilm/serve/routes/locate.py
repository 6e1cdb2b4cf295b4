"""Boxes for phrases."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from plainfilm.predictor.documents import Questions
from plainfilm.serve.problems import documented
from plainfilm.serve.schema import FilmId, Found, Phrases
from plainfilm.serve.served_model import ServedModel
from plainfilm.serve.service import Answering, Service, Serving

router = APIRouter(tags=["questions"])


def offered(service: Service, model: ServedModel) -> bool:
    """Whether the model locates phrases."""
    return "locates" in model.abilities


@router.post(
    "/api/films/{film_id}/locate",
    response_model=Found,
    responses=documented("not_found", "not_possible", "busy", "timeout"),
)
async def locate(film_id: FilmId, asked: Phrases, service: Serving, model: Answering) -> dict[str, Any]:
    """Boxes for each phrase in pixels of the film as opened, the best first, with their scores."""
    film = service.films.get(film_id)
    questions = Questions(find=asked.texts)
    found = await service.run("locate", lambda: service.answers(film, model, questions))
    return {"find": found["find"]}
