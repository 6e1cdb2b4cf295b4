"""Films of saved work, opened again from the copies that were kept with it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool

from plainfilm.serve.films import HeldFilm
from plainfilm.serve.problems import Problem, documented
from plainfilm.serve.routes.films import document
from plainfilm.serve.schema import Film, KeptFilm
from plainfilm.serve.served_model import ServedModel
from plainfilm.serve.service import Service, Serving

router = APIRouter(tags=["work"])


def offered(service: Service, model: ServedModel) -> bool:
    """Whether the server keeps the films of saved work."""
    return service.works is not None and service.settings.keep_films and model is service.main


@router.post(
    "/api/films/kept",
    response_model=Film,
    status_code=201,
    responses=documented("not_found", "not_possible"),
)
async def reopen(asked: KeptFilm, service: Serving) -> dict[str, Any]:
    """Open a film of saved work by the SHA-256 of its file; one that is held is not opened again."""
    return document(await run_in_threadpool(_reopened, service, asked))


def _reopened(service: Service, asked: KeptFilm) -> HeldFilm:
    held = service.films.of_content(asked.sha256)
    if held is not None:
        return service.films.get(held.film_id)
    assert service.works is not None  # the route is not offered without it
    folder = service.films.new_folder()
    try:
        file = service.works.copies.take(asked.sha256, folder)
        if file is None:
            raise Problem("not_found", "no copy of this film is kept: open its file again")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return service.films.open(file, Path(asked.name).name or "film", folder)
