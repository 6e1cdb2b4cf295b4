"""Answers from all films of a study."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter

from plainfilm.serve.problems import Problem, documented
from plainfilm.serve.schema import Document, StudyQuestions
from plainfilm.serve.served_model import ServedModel
from plainfilm.serve.service import Answering, Service, Serving

router = APIRouter(tags=["questions"])


def offered(service: Service, model: ServedModel) -> bool:
    """Whether the model fuses the films of a study."""
    return "encodes_studies" in model.abilities


@router.post(
    "/api/studies",
    response_model=Document,
    responses=documented("not_found", "not_possible", "busy", "timeout"),
)
async def study(asked: StudyQuestions, service: Serving, model: Answering) -> dict[str, Any]:
    """Findings and, if asked, the report, from all films together."""
    held = [(service.films.get(one.film_id), one.view) for one in asked.films]
    films = [(film, view or film.facts.view) for film, view in held]
    if asked.report and "writes_reports" not in model.abilities:
        raise Problem("not_possible", f"{model.name} does not write reports")
    return await service.run("study", lambda: service.study_answers(films, model, report=asked.report))
