"""Answers from all films of a study."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from plainfilm.serve.problems import Problem, documented
from plainfilm.serve.schema import Document, StudyQuestions
from plainfilm.serve.service import Service, Serving

router = APIRouter(tags=["questions"])


def offered(service: Service) -> bool:
    """Whether the model fuses the films of a study."""
    return "encodes_studies" in service.model.abilities


@router.post(
    "/api/studies",
    response_model=Document,
    responses=documented("not_found", "not_possible", "busy", "timeout"),
)
async def study(asked: StudyQuestions, service: Serving) -> dict[str, Any]:
    """Findings and, if asked, the report, from all films together."""
    held = [(service.films.get(one.film_id), one.view) for one in asked.films]
    films = [(film, view or film.facts.view) for film, view in held]
    if asked.report and "writes_reports" not in service.model.abilities:
        raise Problem("not_possible", f"{service.model.name} does not write reports")
    return await service.run("study", lambda: service.study_answers(films, report=asked.report))
