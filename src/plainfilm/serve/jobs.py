"""Batch jobs: the same questions about many films, answered one after another beside other questions."""

from __future__ import annotations

import asyncio
import math
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from plainfilm.io import limits
from plainfilm.predictor.documents import Questions
from plainfilm.serve.films import HeldFilm
from plainfilm.serve.problems import Problem
from plainfilm.serve.served_model import ServedModel

if TYPE_CHECKING:
    from plainfilm.serve.service import Service

_AGAIN_S = 30
_PATIENCE_S = 0.5
"""How long a job waits where others fill the queue."""


@dataclass
class Job:
    """A job and its answers so far, in the order of its films."""

    job_id: str
    films: list[HeldFilm]
    model: ServedModel
    questions: Questions
    state: Literal["waiting", "running", "done", "cancelled"] = "waiting"
    answers: list[dict[str, Any]] = field(default_factory=list)


class Jobs:
    """The jobs of a server, one of which runs at a time."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, films: list[HeldFilm], model: ServedModel, questions: Questions) -> Job:
        """Begin a job.

        Raises:
            Problem: too many jobs are not finished.
        """
        unfinished = [job for job in self._jobs.values() if job.state in ("waiting", "running")]
        if len(unfinished) >= limits.MOST_JOBS:
            raise Problem("busy", f"{len(unfinished)} jobs are not finished yet; ask again later", _AGAIN_S)
        job = Job(secrets.token_hex(8), films, model, questions)
        self._jobs[job.job_id] = job
        finished = [one for one in self._jobs.values() if one.state in ("done", "cancelled")]
        for old in finished[: max(0, len(self._jobs) - limits.MOST_JOBS_HELD)]:
            del self._jobs[old.job_id]
        task = asyncio.get_running_loop().create_task(self._run(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    def get(self, job_id: str) -> Job:
        """The job of this id.

        Raises:
            Problem: there is none.
        """
        if job_id not in self._jobs:
            raise Problem("not_found", "there is no such job, or no longer")
        return self._jobs[job_id]

    def cancel(self, job_id: str) -> None:
        """Stop a job after its present film; its answers so far stay."""
        job = self.get(job_id)
        job.state = "cancelled" if job.state != "done" else job.state

    async def _run(self, job: Job) -> None:
        async with self._turn:
            for film in job.films:
                if job.state == "cancelled":
                    return
                job.state = "running"
                job.answers.append(await self._answer(job, film))
            job.state = "done" if job.state == "running" else job.state

    async def _answer(self, job: Job, film: HeldFilm) -> dict[str, Any]:
        service, model = self._service, job.model

        def document() -> dict[str, Any]:
            found = service.answers(film, model, job.questions, findings=model.has_findings)
            return found | {"film_id": film.film_id, "uncertainty": uncertainty(found["findings"])}

        while True:
            try:
                return await service.run("job", document)
            except Problem as problem:
                if problem.code != "busy":
                    return {"file": film.name, "film_id": film.film_id, "error": problem.message}
                await asyncio.sleep(_PATIENCE_S)
            except Exception as error:
                # One film may not end a job; what it holds is not quoted.
                return {"file": film.name, "film_id": film.film_id, "error": type(error).__name__}


def uncertainty(findings: list[dict[str, Any]]) -> float | None:
    """The mean entropy in bits of the probabilities of a film's findings, 0 to 1; `None` without any.

    It orders a queue of films to label (uncertainty sampling; Lewis and Gale, arXiv:cmp-lg/9407020).
    """
    known = [one["probability"] for one in findings if one["probability"] is not None]
    if not known:
        return None
    return round(sum(map(_entropy, known)) / len(known), 5)


def _entropy(chance: float) -> float:
    parts = [part for part in (chance, 1.0 - chance) if part > 0.0]
    return -sum(part * math.log2(part) for part in parts)
