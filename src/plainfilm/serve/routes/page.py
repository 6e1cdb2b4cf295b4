"""The workbench: one page and its files, from the package."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse

from plainfilm.serve.problems import Problem

router = APIRouter(include_in_schema=False)

FOLDER = Path(__file__).resolve().parents[1] / "page"
_KINDS = {".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".svg": "image/svg+xml"}


@router.get("/")
async def page() -> FileResponse:
    """The workbench."""
    return FileResponse(FOLDER / "index.html", media_type="text/html")


@router.get("/page/{name:path}")
async def asset(name: str) -> FileResponse:
    """A file of the workbench."""
    file = FOLDER / name
    known = {one for one in FOLDER.rglob("*") if one.is_file() and one.suffix in _KINDS}
    if file not in known:
        raise Problem("not_found", "no such file")
    return FileResponse(file, media_type=_KINDS[file.suffix])
