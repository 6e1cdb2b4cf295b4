"""Sentences for boxes."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from plainfilm.predictor.documents import Questions
from plainfilm.serve.problems import documented
from plainfilm.serve.schema import Boxes, Described, FilmId
from plainfilm.serve.served_model import ServedModel
from plainfilm.serve.service import Answering, Service, Serving

router = APIRouter(tags=["questions"])


def offered(service: Service, model: ServedModel) -> bool:
    """Whether the model describes boxes."""
    return "describes" in model.abilities


@router.post(
    "/api/films/{film_id}/describe",
    response_model=Described,
    responses=documented("not_found", "not_possible", "busy", "timeout"),
)
async def describe(film_id: FilmId, asked: Boxes, service: Serving, model: Answering) -> dict[str, Any]:
    """A sentence for each box, which is in pixels of the film as opened."""
    film = service.films.get(film_id)
    questions = Questions(boxes=[(box.x0, box.y0, box.x1, box.y1) for box in asked.boxes])
    found = await service.run("describe", lambda: service.answers(film, model, questions))
    return {"boxes": found["boxes"]}
