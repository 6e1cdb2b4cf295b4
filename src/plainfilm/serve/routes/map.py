"""Similarity maps of phrases."""

from __future__ import annotations

from typing import Any

import numpy as np
from fastapi import APIRouter

from plainfilm.predictor.documents import rounded
from plainfilm.serve.problems import documented
from plainfilm.serve.schema import FilmId, OnePhrase, SimilarityMap
from plainfilm.serve.service import Service, Serving

router = APIRouter(tags=["questions"])

_SIDE = 128
"""Points of a map along the longer side of the film: many times the patches of any model here."""


def offered(service: Service) -> bool:
    """Whether the model compares patches with texts."""
    return "locates_by_patches" in service.model.abilities


@router.post(
    "/api/films/{film_id}/map",
    response_model=SimilarityMap,
    responses=documented("not_found", "not_possible", "busy", "timeout"),
)
async def similarity_map(film_id: FilmId, asked: OnePhrase, service: Serving) -> dict[str, Any]:
    """The cosine of each place of a film with a phrase, row by row over the whole film; null where the model
    does not see the film."""

    def question(film: Any) -> dict[str, Any]:
        found = service.model.similarity_map(film, asked.text)
        pixels = found.pixels()
        height, width = pixels.shape
        count = max(1, max(height, width) // _SIDE)
        rows, columns = (np.arange(count // 2, size, count) for size in (height, width))
        return {
            "text": asked.text,
            "score": rounded(found.score),
            "low": rounded(found.low),
            "high": rounded(found.high),
            "values": [[_cosine(value) for value in row] for row in pixels[np.ix_(rows, columns)].tolist()],
        }

    return await service.ask("map", film_id, question)


def _cosine(value: float) -> float | None:
    return rounded(value) if np.isfinite(value) else None
