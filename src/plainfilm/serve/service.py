"""What all routes share: the model with its engine, the films, the bank and the jobs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from plainfilm.bank import Bank
from plainfilm.errors import ModelError, PlainfilmError
from plainfilm.predictor import EncodedFilm, Predictor
from plainfilm.predictor.answers import about_film, default_pack, gives_findings
from plainfilm.predictor.documents import Answers, Questions, ShownFilm, document
from plainfilm.predictor.zero_shot import PromptsOf
from plainfilm.serve.engine import Engine
from plainfilm.serve.films import FilmStore, HeldFilm
from plainfilm.serve.jobs import Jobs
from plainfilm.serve.observing import Meters
from plainfilm.serve.settings import ServerSettings
from plainfilm.types import View

Answer = TypeVar("Answer")


@dataclass
class Service:
    """A model that answers about the films that the server holds."""

    model: Predictor
    bank: Bank | None
    settings: ServerSettings
    films: FilmStore = field(default_factory=FilmStore)
    engine: Engine = field(default_factory=Engine)
    meters: Meters = field(default_factory=Meters)

    def __post_init__(self) -> None:
        pack = default_pack(self.model, self.settings.prompts)
        self.prompts: PromptsOf | None = pack and pack.all_zero_shot()
        self.jobs = Jobs(self)
        if self.bank is not None and (made := self.bank.meta.get("model_fingerprint")) not in (
            None,
            self.model.fingerprint,
        ):
            raise ModelError(
                f"{self.bank.path}: was made with another model ({made}) than {self.model.name} "
                f"({self.model.fingerprint}): embed again"
            )
        self.meters.watch("films held", "plainfilm_films_held", lambda: len(self.films))
        self.meters.watch("questions that wait", "plainfilm_questions_waiting", lambda: self.engine.waiting)

    @property
    def writes_reports(self) -> bool:
        """Whether the model writes reports of films."""
        return bool({"writes_reports", "writes_grounded_reports"} & self.model.abilities)

    @property
    def has_findings(self) -> bool:
        """Whether the model has an answer for observations."""
        return gives_findings(self.model)

    async def ask(self, what: str, film_id: str, question: Callable[[EncodedFilm], Answer]) -> Answer:
        """The answer to a question, called `what` in the metrics, about a film that is held."""
        film = self.films.get(film_id)
        return await self.run(what, lambda: question(self.encoded(film)))

    async def run(self, what: str, function: Callable[[], Answer]) -> Answer:
        """The result of `function` in the thread of the model."""

        def timed() -> Answer:
            with self.meters.answering(what):
                return function()

        return await self.engine.run(timed)

    def encoded(self, film: HeldFilm) -> EncodedFilm:
        """The encoding of a film, made once; call it in the thread of the model."""
        return self.films.encoded(film, self.model.encode_film)

    def answers(self, film: HeldFilm, questions: Questions, *, findings: bool) -> dict[str, Any]:
        """The document of `plainfilm predict` about a film; call it in the thread of the model."""
        encoded = self.encoded(film)
        return document(
            about_film(self.model, encoded, film.name, questions, self.prompts, findings=findings)
        )

    def study_answers(self, films: Sequence[tuple[HeldFilm, View]], *, report: bool) -> dict[str, Any]:
        """The document of `plainfilm predict --study`; call it in the thread of the model."""
        encoded, views = [self.encoded(film) for film, _ in films], [view for _, view in films]
        findings = self.model.findings_of_studies([encoded], [views], self.prompts)
        return document(
            Answers(
                films[0][0].name,
                findings=next(findings) if self.has_findings else (),
                report=self.model.write_report(encoded, views) if report else None,
                films=[ShownFilm(film.name, view) for film, view in films],
            )
        )

    async def warm(self) -> None:
        """Load what the first film would wait for: decoders, compiled functions, the vectors of prompts."""

        def answer() -> None:
            blank = self.model.blank_film()
            with contextlib.suppress(PlainfilmError):  # who asks is told of it
                if self.has_findings:
                    next(self.model.findings([blank], self.prompts))

        await asyncio.gather(run_in_threadpool(self.films.warm), self.run("warm", answer))

    def close(self) -> None:
        """End the threads and processes, and remove all films."""
        self.films.close()  # first: after Ctrl-C there is little time
        self.engine.close()


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Serving = Annotated[Service, Depends(_service)]
"""The parameter of a route that needs the service."""
