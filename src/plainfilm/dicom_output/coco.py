"""Results of films in the format of COCO (Lin et al., arXiv:1405.0312), and back without loss.

Boxes are [x, y, width, height] in pixels of the film. What COCO has no field for is in additional ones, which
its readers ignore: `sentence`, `score`, `answer` and `tracking_uid` of a box; `film_id`, `study_id`,
`unlocated` answers and `findings` of an image. The source `coco` reads the file, and its boxes with their
phrases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from plainfilm.dicom_output import codes
from plainfilm.dicom_output.annotations import (
    PIXEL_DIGITS,
    QUESTIONS,
    Annotation,
    Answer,
    FilmResults,
    in_order,
)
from plainfilm.dicom_output.read_report import ReadReport
from plainfilm.errors import DataError
from plainfilm.io.tables import read_json

NO_NAME = "described region"
"""The category of boxes that have a sentence and no name."""
_ENDING = ".dcm"


def coco_of_reports(reports: Iterable[ReadReport], files: Mapping[str, Path] | None = None) -> dict[str, Any]:
    """The COCO document of structured reports. files: of films, by SOP Instance UID; a film that is not among
    them is named by its UID."""
    films = [
        (report.study_uid, uid, results, report.sizes.get(uid))
        for report in reports
        for uid, results in report.films.items()
    ]
    names = dict.fromkeys(_category(one) for film in films for one in film[2].annotations if one.box)
    categories = {name: number for number, name in enumerate(names, start=1)}
    images, boxes = [], []
    for number, (study, uid, results, size) in enumerate(films, start=1):
        images.append(_image(study, uid, results, size, files or {}) | {"id": number})
        boxes += [
            _box(one) | {"image_id": number, "category_id": categories[_category(one)]}
            for one in results.annotations
            if one.box
        ]
    return {
        "info": {"description": "structured reports, read by Plainfilm"},
        "images": images,
        "categories": [
            {"id": number, "name": name, "supercategory": kind} for (kind, name), number in categories.items()
        ],
        "annotations": [{"id": number, **box} for number, box in enumerate(boxes, start=1)],
    }


def results_of_coco(path: Path) -> dict[str, FilmResults]:
    """What a file that `coco_of_reports` gave says of each film, by SOP Instance UID.

    Raises:
        DataError: it is no such file.
    """
    document = read_json(path)
    try:
        names = {one["id"]: _name(one) for one in document["categories"]}
        by_image: dict[int, list[Annotation]] = {one["id"]: [] for one in document["images"]}
        for box in document["annotations"]:
            by_image[box["image_id"]].append(_annotation(box, names[box["category_id"]]))
        return {
            one["film_id"]: _results(by_image[one["id"]], one["unlocated"], one["findings"])
            for one in document["images"]
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path}: is no COCO file made of structured reports ({type(error).__name__}: {error}); "
            "the source coco reads those of other origin"
        ) from None


def _category(one: Annotation) -> tuple[str, str]:
    return codes.kind_of(one.name), one.name or NO_NAME


def _name(category: Mapping[str, Any]) -> str | None:
    name = str(category["name"])
    return None if name == NO_NAME else name


def _image(
    study: str, uid: str, results: FilmResults, size: tuple[int, int] | None, files: Mapping[str, Path]
) -> dict[str, Any]:
    width, height = size or (0, 0)
    return {
        "file_name": str(files.get(uid, f"{uid}{_ENDING}")),
        "width": width,
        "height": height,
        "film_id": uid,
        "study_id": study,
        "unlocated": [_said(one) for one in results.annotations if one.box is None],
        "findings": [dict(one) for one in results.findings],
    }


def _box(one: Annotation) -> dict[str, Any]:
    assert one.box is not None
    x0, y0, x1, y1 = one.box
    width, height = round(x1 - x0, PIXEL_DIGITS), round(y1 - y0, PIXEL_DIGITS)
    area = round(width * height, PIXEL_DIGITS)
    written = {"bbox": [x0, y0, width, height], "area": area, "iscrowd": 0, "tracking_uid": one.tracking_uid}
    score = {} if one.score is None else {"score": one.score}
    return written | score | _said(one)


def _said(one: Annotation) -> dict[str, Any]:
    said: dict[str, Any] = {"answer": [one.answer.question, one.answer.number], "sentence": one.sentence}
    return said | {"phrase": one.name or one.sentence} | ({} if one.box else {"name": one.name})


def _annotation(box: Mapping[str, Any], name: str | None) -> Annotation:
    x, y, width, height = (float(value) for value in box["bbox"])
    corners = (x, y, round(x + width, PIXEL_DIGITS), round(y + height, PIXEL_DIGITS))
    return Annotation(
        _answer(box), corners, name, box["sentence"], box.get("score"), str(box["tracking_uid"])
    )


def _answer(said: Mapping[str, Any]) -> Answer:
    question, number = said["answer"]
    return Answer(next(one for one in QUESTIONS if one == question), int(number))


def _results(
    boxes: list[Annotation], unlocated: list[dict[str, Any]], findings: list[dict[str, Any]]
) -> FilmResults:
    others = [Annotation(_answer(one), None, one["name"], one["sentence"]) for one in unlocated]
    return FilmResults(in_order([*boxes, *others]), tuple(findings))
