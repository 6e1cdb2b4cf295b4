"""Batch jobs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from plainfilm.predictor.documents import Questions
from plainfilm.serve.jobs import Job
from plainfilm.serve.problems import Problem, documented
from plainfilm.serve.schema import JobQuestions, JobState
from plainfilm.serve.service import Answering, Serving

router = APIRouter(tags=["jobs"])

JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{16}$")]


def document(job: Job) -> dict[str, Any]:
    """What the server says of a job."""
    facts = {"job_id": job.job_id, "state": job.state, "films": len(job.films), "done": len(job.answers)}
    return facts | {"answers": list(job.answers)}


@router.post(
    "/api/jobs",
    response_model=JobState,
    status_code=202,
    responses=documented("not_found", "not_possible", "busy"),
)
async def start(asked: JobQuestions, service: Serving, model: Answering) -> dict[str, Any]:
    """Ask the same about many films; each answer has the `uncertainty` of its findings, 0 to 1."""
    if asked.find and "locates" not in model.abilities:
        raise Problem("not_possible", f"{model.name} does not locate phrases")
    if asked.report and not model.writes_reports:
        raise Problem("not_possible", f"{model.name} does not write reports")
    films = [service.films.get(film_id) for film_id in dict.fromkeys(asked.films)]
    questions = Questions(find=asked.find, report=asked.report)
    return document(service.jobs.start(films, model, questions))


@router.get("/api/jobs/{job_id}", response_model=JobState, responses=documented("not_found"))
async def state(job_id: JobId, service: Serving) -> dict[str, Any]:
    """How far a job is, and its answers so far."""
    return document(service.jobs.get(job_id))


@router.delete("/api/jobs/{job_id}", status_code=204, responses=documented("not_found"))
async def cancel(job_id: JobId, service: Serving) -> Response:
    """Stop a job after its present film."""
    service.jobs.cancel(job_id)
    return Response(status_code=204)
