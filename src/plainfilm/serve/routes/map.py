"""Similarity maps of phrases."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from plainfilm.predictor.documents import Questions
from plainfilm.serve.problems import documented
from plainfilm.serve.schema import FilmId, OnePhrase, SimilarityMap
from plainfilm.serve.served_model import ServedModel
from plainfilm.serve.service import Answering, Service, Serving

router = APIRouter(tags=["questions"])


def offered(service: Service, model: ServedModel) -> bool:
    """Whether the model compares patches with texts."""
    return "locates_by_patches" in model.abilities


@router.post(
    "/api/films/{film_id}/map",
    response_model=SimilarityMap,
    responses=documented("not_found", "not_possible", "busy", "timeout"),
)
async def similarity_map(
    film_id: FilmId, asked: OnePhrase, service: Serving, model: Answering
) -> dict[str, Any]:
    """The cosine of each patch of a film with a phrase, and where the patches lie."""
    film = service.films.get(film_id)
    questions = Questions(maps=[asked.text])
    found = await service.run("map", lambda: service.answers(film, model, questions))
    (only,) = found["maps"]
    return dict(only)
