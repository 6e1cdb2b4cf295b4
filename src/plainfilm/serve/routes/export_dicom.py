"""Saved work as DICOM objects for an archive."""

from __future__ import annotations

import tempfile
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Response

from plainfilm.dicom_output.annotations import PIXEL_DIGITS, FilmResults, results_of_document
from plainfilm.dicom_output.objects import Algorithm
from plainfilm.dicom_output.source_film import read_source_film
from plainfilm.dicom_output.structured_report import UNNAMED
from plainfilm.dicom_output.write import write_objects
from plainfilm.errors import ImageError
from plainfilm.serve.films import HeldFilm
from plainfilm.serve.problems import Problem, documented
from plainfilm.serve.served_model import ServedModel
from plainfilm.serve.service import Service, Serving
from plainfilm.sources.common.saved_work import SavedBox, SavedFilm, SavedSentence, SavedWork

router = APIRouter(tags=["work"])

REVIEWED = "judged by a person in the workbench"
LEFT_OUT = "left-out.txt"
"""The file that says which films have no objects, and why."""
_ZIP = {"content": {"application/zip": {}}, "description": "a folder of three DICOM files for each film"}


def offered(service: Service, model: ServedModel) -> bool:
    """Whether the packages that write DICOM objects are installed."""
    return all(find_spec(name) is not None for name in ("pydicom", "highdicom"))


@router.post(
    "/api/export/dicom",
    response_class=Response,
    responses={200: _ZIP, **documented("not_possible", "busy", "timeout")},
)
async def dicom(work: SavedWork, service: Serving) -> Response:
    """What a person stands for, as structured report, presentation state and secondary capture of each film.

    Only DICOM films that the server holds have them; `left-out.txt` in the archive names the others.
    """
    held = {film.facts.sha256: film for film in service.films.all()}
    model = service.main.predictor
    algorithm = Algorithm(model.name, model.fingerprint, (REVIEWED,))

    def archive() -> bytes:
        with tempfile.TemporaryDirectory(dir=service.films.root) as folder:
            return _archive(work, held, algorithm, Path(folder))

    content = await service.run("export", archive)
    return Response(content, media_type="application/zip")


def _archive(work: SavedWork, held: dict[str, HeldFilm], algorithm: Algorithm, folder: Path) -> bytes:
    """The bytes of a zip file; `folder` is for the files in it.

    Raises:
        Problem: no film has anything to write.
    """
    left_out: list[str] = []
    target = folder / "objects.zip"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, film in enumerate(work.films, start=1):
            try:
                files = _files(film, held.get(film.sha256), algorithm, folder, work.reader)
            except Problem as problem:
                left_out.append(f"{film.name}: {problem.message}")
                continue
            for file in files:
                archive.write(file, f"{number:03d}/{file.name}")
        if len(left_out) == len(work.films):
            raise Problem("not_possible", "; ".join(left_out) or "the work has no films")
        if left_out:
            archive.writestr(LEFT_OUT, "\n".join([*left_out, ""]))
    return target.read_bytes()


def _files(
    film: SavedFilm, held: HeldFilm | None, algorithm: Algorithm, folder: Path, reader: str
) -> list[Path]:
    """The DICOM files about one film; `reader` is the person who worked on it.

    Raises:
        Problem: it has none; the message says why.
    """
    if held is None:
        raise Problem("not_possible", "is not open: open its file, then export again")
    results = confirmed(film, held.facts.width, held.facts.height)
    reader = (reader or UNNAMED) if film.is_changed else ""
    if not results.annotations:
        raise Problem("not_possible", "nothing was accepted, edited or drawn")
    try:
        return write_objects(read_source_film(held.file), results, algorithm, folder, reader)
    except ImageError as error:
        raise Problem("not_possible", str(error).removeprefix(f"{held.file}: ")) from None


def confirmed(film: SavedFilm, width: int, height: int) -> FilmResults:
    """The boxes and sentences of a film, `width` x `height` pixels, that a person stands for."""
    document: dict[str, Any] = {"findings": [], "find": [], "boxes": [], "report": {"sentences": []}}
    for one in film.sentences:
        boxes = [_corners(box, width, height) for box in one.kept_boxes(confirmed=True)]
        text = one.text if one.is_confirmed else None
        if boxes or text:
            _put(document, one, boxes, text)
    return results_of_document(document)


def _put(document: dict[str, Any], one: SavedSentence, boxes: list[dict[str, Any]], text: str | None) -> None:
    if one.kind == "phrase":
        document["find"].append({"text": one.phrase, "boxes": boxes, "sentence": text})
    elif one.kind == "box" and boxes:
        document["boxes"] += [{**box, "sentence": text} for box in boxes]
    else:
        document["report"]["sentences"].append({"text": text, "boxes": boxes})


def _corners(box: SavedBox, width: int, height: int) -> dict[str, Any]:
    """A box as in a document; one that a person moved has no score, which was that of its old place.

    Raises:
        Problem: it lies outside the film.
    """
    x0, x1 = (round(min(max(value, 0.0), float(width)), PIXEL_DIGITS) for value in (box.x0, box.x1))
    y0, y1 = (round(min(max(value, 0.0), float(height)), PIXEL_DIGITS) for value in (box.y0, box.y1))
    if x0 >= x1 or y0 >= y1:
        corners = ",".join(f"{value:g}" for value in (box.x0, box.y0, box.x1, box.y1))
        raise Problem("not_possible", f"the box {corners} lies outside the film of {width} x {height} pixels")
    score = None if box.state == "edited" else box.score
    return {"x0": x0, "y0": y0, "x1": x1, "y1": y1, "score": score}
