"""Films: upload, reference by path, list, and what the workbench draws."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from plainfilm.io.dicom.read import HEAD, is_dicom
from plainfilm.serve.films import HeldFilm
from plainfilm.serve.opening import DISPLAY, packed_values
from plainfilm.serve.problems import Problem, documented
from plainfilm.serve.schema import Film, FilmId, Reference
from plainfilm.serve.service import Serving

router = APIRouter(tags=["films"])

_UPLOAD = {
    "requestBody": {
        "required": True,
        "description": "the bytes of a PNG, JPEG, TIFF, BMP, WebP or DICOM file",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


def document(film: HeldFilm) -> dict[str, Any]:
    """What the server says of a film that it holds."""
    return {"film_id": film.film_id, "name": film.name} | asdict(film.facts)


@router.post(
    "/api/films",
    response_model=Film,
    status_code=201,
    openapi_extra=_UPLOAD,
    responses=documented("not_possible"),
)
async def upload(
    request: Request,
    service: Serving,
    name: Annotated[str, Query(max_length=255, description="the name in answers")] = "film",
) -> dict[str, Any]:
    """Open a film; its bytes are the body of the request."""
    folder = service.films.new_folder()
    file = folder / "film"
    try:
        with file.open("wb") as stream:
            async for part in request.stream():
                await run_in_threadpool(stream.write, part)
        file = _with_suffix(file)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return document(await run_in_threadpool(service.films.open, file, Path(name).name or "film", folder))


def _with_suffix(file: Path) -> Path:
    """The file renamed so that its name says that it is DICOM, if its content does."""
    with file.open("rb") as stream:
        head = stream.read(HEAD)
    return file.rename(file.with_suffix(".dcm")) if is_dicom(head, "") else file


@router.post(
    "/api/films/reference",
    response_model=Film,
    status_code=201,
    responses=documented("not_possible", "not_found"),
)
async def reference(asked: Reference, service: Serving) -> dict[str, Any]:
    """Open a film that lies in the server's folder of films (`--films`)."""
    root = service.settings.films
    if root is None:
        raise Problem("refused", "this server opens no films by path: start it with --films FOLDER")
    file = await run_in_threadpool(_below, root, asked.path)
    held = await run_in_threadpool(service.films.open, file, file.name, service.films.new_folder())
    return document(held)


def _below(root: Path, path: str) -> Path:
    """The file at `path` below `root`, links followed.

    Raises:
        Problem: it is not a file, or lies elsewhere.
    """
    try:
        base = root.resolve(strict=True)
        file = (base / path).resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        raise Problem("not_found", "there is no such film in the server's folder") from None
    if not file.is_relative_to(base) or not file.is_file():
        raise Problem("not_found", "there is no such film in the server's folder")
    return file


@router.get("/api/films", response_model=list[Film], responses=documented())
async def films(service: Serving) -> list[dict[str, Any]]:
    """The films that the server holds, the one that was asked about last at the end."""
    return [document(film) for film in service.films.all()]


@router.get("/api/films/{film_id}", response_model=Film, responses=documented("not_found"))
async def film(film_id: FilmId, service: Serving) -> dict[str, Any]:
    """What the server knows of a film."""
    return document(service.films.get(film_id))


@router.delete("/api/films/{film_id}", status_code=204, responses=documented())
async def remove(film_id: FilmId, service: Serving) -> Response:
    """Remove a film and all that was made of it; it may be gone already."""
    await run_in_threadpool(service.films.remove, film_id)
    return Response(status_code=204)


_PNG = {"content": {"image/png": {}}, "description": "8-bit grey"}
_WORDS = {
    "content": {"application/octet-stream": {}},
    "description": "all values, 16 bits each, little endian, row by row, deflated (zlib)",
}


@router.get(
    "/api/films/{film_id}/display",
    response_class=Response,
    responses={200: _PNG, **documented("not_found")},
)
async def display(film_id: FilmId, service: Serving) -> Response:
    """The film at the window of its file, in all its pixels."""
    return _file(service.films.get(film_id).folder / DISPLAY, "image/png")


@router.get(
    "/api/films/{film_id}/values",
    response_class=Response,
    responses={200: _WORDS, **documented("not_found")},
)
async def values(film_id: FilmId, service: Serving) -> Response:
    """The values of a film of more than 8 bits, for any window; a larger one is brighter."""
    film = service.films.get(film_id)
    file = await run_in_threadpool(packed_values, film.folder)
    if file is None:
        raise Problem("not_found", "this film has 8 bits: its display picture is all there is")
    return _file(file, "application/octet-stream")


def _file(file: Path, kind: str) -> Response:
    if not file.is_file():
        raise Problem("not_found", "this film was removed just now: open it again")
    return FileResponse(file, media_type=kind)
