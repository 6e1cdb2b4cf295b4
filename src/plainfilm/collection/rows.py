"""A study as rows: texts parsed, boxes scaled, labels checked; what does not fit is rejected."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from plainfilm.collection.names import drawn_split, stored_path
from plainfilm.errors import ImageError
from plainfilm.geometry import box_area_xyxy, clip_boxes_xyxy, scale_boxes_xyxy
from plainfilm.io.images import read_image, write_jpeg
from plainfilm.text.sections import parse_sections
from plainfilm.text.sentences import report_sentences
from plainfilm.types import Box, Image, Label, Report, State, Study

BOX_KINDS = ("observation", "region", "phrase")
_STATES = frozenset(State)


@dataclass
class Rows:
    """Rows of every table, in the order they were added."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> None:
        """Adds one row."""
        self.tables.setdefault(table, []).append(row)

    def reject(self, path: str, reason: str, study_id: str | None) -> None:
        """Adds a row to `rejected`."""
        self.add("rejected", path=path, reason=reason, study_id=study_id)


def add_study(
    study: Study, rows: Rows, store: Callable[[Image], dict[str, Any]], shown: Callable[[Path], str]
) -> None:
    """Adds a study with its images, texts, labels and boxes; nothing of it where nothing is usable.

    `store` writes one image and returns its measures (see `stored_image`); `shown` is how a raw path
    reads in a reason.
    """
    sections_before = len(rows.tables.get("sections", ()))
    stored = [image for image in study.images if _add_image(image, study, rows, store, shown)]
    indication = _add_report(study, rows) if study.report is not None else None
    if not stored and len(rows.tables.get("sections", ())) == sections_before:
        rows.reject(study.study_id, "the study has neither a usable image nor report text", study.study_id)
        return
    rows.add(
        "studies",
        study_id=study.study_id,
        patient_id=study.patient_id,
        split=study.split or drawn_split(study.patient_id),
        order=study.order,
        age=study.age,
        sex=study.sex,
        indication=indication,
    )
    _add_labels("study", study.study_id, study.labels, rows, study.study_id)
    for image in stored:
        _add_labels("image", image.image_id, image.labels, rows, study.study_id)


def stored_image(image: Image, folder: Path, size: int) -> dict[str, Any]:
    """Writes an image below `folder`, its shortest side at most `size` pixels; returns its measures.

    Raises:
        ImageError: the image cannot be used.
    """
    pixels = read_image(image.path, size)
    path = stored_path(image.image_id)
    sha256 = write_jpeg(pixels.array, folder / path)
    height, width = pixels.array.shape
    return {
        "path": path,
        "width": width,
        "height": height,
        "original_width": pixels.original_width,
        "original_height": pixels.original_height,
        "pixel_spacing_mm": pixels.spacing_mm,
        "sha256": sha256,
    }


def _add_image(
    image: Image,
    study: Study,
    rows: Rows,
    store: Callable[[Image], dict[str, Any]],
    shown: Callable[[Path], str],
) -> bool:
    path = shown(image.path)
    try:
        measures = store(image)
    except ImageError as error:
        rows.reject(path, str(error).removeprefix(f"{image.path}: "), study.study_id)
        return False
    rows.add(
        "images",
        image_id=image.image_id,
        study_id=study.study_id,
        view=str(image.view),
        licence=image.licence,
        **measures,
    )
    for box in image.boxes:
        _add_box(box, image, measures, rows, (path, study.study_id))
    return True


def _add_box(box: Box, image: Image, measures: dict[str, Any], rows: Rows, place: tuple[str, str]) -> None:
    raw_size = (measures["original_width"], measures["original_height"])
    reason = _box_fault(box, raw_size)
    if reason:
        path, study_id = place
        rows.reject(path, f"box '{box.name}' ({box.x0}, {box.y0}, {box.x1}, {box.y1}) {reason}", study_id)
        return
    size = (measures["width"], measures["height"])
    corners_xyxy_px = np.array([[box.x0, box.y0, box.x1, box.y1]])
    x0, y0, x1, y1 = clip_boxes_xyxy(scale_boxes_xyxy(corners_xyxy_px, raw_size, size), size)[0].tolist()
    rows.add(
        "boxes",
        image_id=image.image_id,
        name=box.name,
        kind=box.kind,
        x0=x0,
        y0=y0,
        x1=x1,
        y1=y1,
        annotator=box.annotator,
        phrase=box.phrase,
    )


def _box_fault(box: Box, size: tuple[int, int]) -> str | None:
    corners_xyxy_px = np.array([[box.x0, box.y0, box.x1, box.y1]])
    if not np.isfinite(corners_xyxy_px).all():
        return "has a corner that is not a number"
    if box.x1 <= box.x0 or box.y1 <= box.y0:
        return "is inverted or has no area"
    if box_area_xyxy(clip_boxes_xyxy(corners_xyxy_px, size))[0] <= 0:
        return f"lies outside the image of {size[0]} x {size[1]}"
    if box.kind not in BOX_KINDS:
        return f"is of kind '{box.kind}', none of {', '.join(BOX_KINDS)}"
    return None


def _add_report(study: Study, rows: Rows) -> str | None:
    """Adds sections and sentences; returns the indication."""
    report = study.report
    assert report is not None
    sections = report.sections
    if sections is None:
        sections = parse_sections(report.text, report.header_rules)
    parsed: Report = replace(report, sections=tuple(section for section in sections if section.text.strip()))
    for position, section in enumerate(parsed.sections or ()):
        rows.add(
            "sections",
            study_id=study.study_id,
            section=section.name,
            position=position,
            text=section.text,
            start=section.start,
            end=section.end,
        )
    for sentence in report_sentences(parsed):
        rows.add(
            "sentences",
            sentence_id=f"{study.study_id}:{sentence.position}",
            study_id=study.study_id,
            section=sentence.section,
            position=sentence.position,
            text=sentence.text,
            start=sentence.start,
            end=sentence.end,
        )
    indications = (section.text for section in parsed.sections or () if section.name == "indication")
    return next(indications, None)


def _add_labels(target: str, target_id: str, labels: Iterable[Label], rows: Rows, study_id: str) -> None:
    for label in labels:
        if label.state not in _STATES or not label.observation:
            reason = f"label '{label.observation}' of {target} {target_id} has state {label.state!r}"
            rows.reject(target_id, f"{reason}: expected 1, 0 or -1", study_id)
            continue
        rows.add(
            "labels",
            target=target,
            target_id=target_id,
            observation=label.observation,
            state=int(label.state),
            origin=label.origin,
            start=label.start,
            end=label.end,
        )
