"""Saved work in the formats of other tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter

from plainfilm.interchange.coco import document, numbered
from plainfilm.interchange.stored import StoredBox, StoredFilm, StoredStudy
from plainfilm.serve.problems import documented
from plainfilm.sources.common.saved_work import SavedFilm, SavedWork
from plainfilm.sources.workbench import ORIGIN, ids_of, name_of_box

router = APIRouter(tags=["work"])


@router.post("/api/export/coco", responses=documented("not_possible"))
async def coco(work: SavedWork) -> dict[str, Any]:
    """The boxes that were not rejected, as `plainfilm convert COLLECTION coco` writes them."""
    studies = [_study(film) for film in work.films]
    films = [film for study in studies for film in study.films]
    categories = numbered(films, ("observation", "region", "phrase"))
    return document(studies, categories, {}, lambda film: film.path.name)


def _study(film: SavedFilm) -> StoredStudy:
    size = (film.width, film.height)
    boxes = tuple(
        StoredBox(*name_of_box(one), (box.x0, box.y0, box.x1, box.y1), ORIGIN, one.text or one.phrase)
        for one in film.sentences
        for box in one.kept_boxes(confirmed=False)
    )
    stored = StoredFilm(film.sha256[:32], Path(film.name), film.view, size, size, None, boxes)
    patient, study = ids_of(film)
    return StoredStudy(study, patient, "train", None, None, None, (stored,))
