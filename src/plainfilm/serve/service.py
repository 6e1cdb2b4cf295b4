"""What all routes share: the models with their engine, the films, the bank and the jobs."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Request
from fastapi.concurrency import run_in_threadpool

from plainfilm.bank import Bank
from plainfilm.errors import ModelError, PlainfilmError
from plainfilm.predictor import EncodedFilm, Predictor
from plainfilm.predictor.documents import Questions, ShownFilm
from plainfilm.serve.archive_access import ArchiveAccess
from plainfilm.serve.engine import Engine
from plainfilm.serve.films import FilmStore, HeldFilm
from plainfilm.serve.jobs import Jobs
from plainfilm.serve.observing import Meters
from plainfilm.serve.problems import Problem
from plainfilm.serve.served_model import ServedModel, served
from plainfilm.serve.settings import ServerSettings
from plainfilm.serve.work_store import WorkStore
from plainfilm.types import View

Answer = TypeVar("Answer")


class Service:
    """Models that answer about the films that the server holds; the first, unless another is named."""

    def __init__(self, predictors: Sequence[Predictor], bank: Bank | None, settings: ServerSettings) -> None:
        self.models = served(predictors, settings.prompts)
        self.bank, self.settings = bank, settings
        self.films, self.engine, self.meters = FilmStore(), Engine(), Meters()
        self.jobs = Jobs(self)
        self.archive = None if settings.dicomweb is None else ArchiveAccess(settings.dicomweb)
        kept = self.films if settings.keep_films else None
        self.works = None if settings.work is None else WorkStore(settings.work, kept)
        self._check_bank()
        self.meters.watch("films held", "plainfilm_films_held", lambda: len(self.films))
        self.meters.watch("questions that wait", "plainfilm_questions_waiting", lambda: self.engine.waiting)

    @property
    def main(self) -> ServedModel:
        """The first model: the one of the bank and of saved work."""
        return self.models[0]

    def model(self, name: str | None) -> ServedModel:
        """The model of this name, or the first.

        Raises:
            Problem: there is none.
        """
        if name is None:
            return self.main
        for model in self.models:
            if model.name == name:
                return model
        raise Problem("not_found", "no model of the server has this name; GET /api/model lists them")

    def _check_bank(self) -> None:
        made = None if self.bank is None else self.bank.meta.get("model_fingerprint")
        predictor = self.main.predictor
        if self.bank is not None and made not in (None, predictor.fingerprint):
            raise ModelError(
                f"{self.bank.path}: was made with another model ({made}) than {predictor.name} "
                f"({predictor.fingerprint}): embed again"
            )

    async def run(self, what: str, function: Callable[[], Answer]) -> Answer:
        """The result of `function` in the thread of the models; `what` is its name in the metrics."""

        def timed() -> Answer:
            with self.meters.answering(what):
                return function()

        return await self.engine.run(timed)

    def encoded(self, film: HeldFilm, model: ServedModel) -> EncodedFilm:
        """The encoding of a film, made once; call it in the thread of the models."""
        if model.name not in film.encoded:
            film.encoded[model.name] = model.predictor.encode_film(film.file)
        return film.encoded[model.name]

    def answers(
        self, film: HeldFilm, model: ServedModel, questions: Questions, *, findings: bool = False
    ) -> dict[str, Any]:
        """The document of `plainfilm predict` about a film; call it in the thread of the models."""
        return model.answers(self.encoded(film, model), film.name, questions, findings=findings)

    def study_answers(
        self, films: Sequence[tuple[HeldFilm, View]], model: ServedModel, *, report: bool
    ) -> dict[str, Any]:
        """The document of `plainfilm predict --study`; call it in the thread of the models."""
        encoded = [self.encoded(film, model) for film, _ in films]
        shown = [ShownFilm(film.name, view) for film, view in films]
        return model.study_answers(encoded, shown, report=report)

    async def warm(self) -> None:
        """Load what the first film would wait for: decoders, compiled functions, the vectors of prompts."""

        def answer() -> None:
            for model in self.models:
                blank = model.predictor.blank_film()
                with contextlib.suppress(PlainfilmError):  # who asks is told of it
                    if model.has_findings:
                        next(model.predictor.findings([blank], model.prompts))

        await asyncio.gather(run_in_threadpool(self.films.warm), self.run("warm", answer))

    def close(self) -> None:
        """End the threads and processes, and remove all films."""
        self.films.close()  # first: after Ctrl-C there is little time
        if self.archive is not None:
            self.archive.close()
        self.engine.close()


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


Serving = Annotated[Service, Depends(_service)]
"""The parameter of a route that needs the service."""


def _model(
    service: Serving,
    model: Annotated[
        str | None, Query(max_length=255, description="which model is asked; by default the first")
    ] = None,
) -> ServedModel:
    return service.model(model)


Answering = Annotated[ServedModel, Depends(_model)]
"""The parameter of a route that asks a model."""
