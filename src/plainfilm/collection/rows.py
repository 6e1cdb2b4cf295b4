"""Converts a study to rows: parses texts, scales boxes, checks labels, and rejects invalid data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from plainfilm.collection.names import drawn_split, stored_path
from plainfilm.errors import ImageError
from plainfilm.geometry import box_area_xyxy, clip_boxes_xyxy, scale_boxes_xyxy
from plainfilm.image_analysis import appearance
from plainfilm.image_analysis.perceptual_hash import perceptual_hash, spectrum
from plainfilm.image_analysis.view_prediction import contradiction
from plainfilm.io import limits
from plainfilm.io.images import read_image, write_jpeg
from plainfilm.io.raster_images import reduced_size
from plainfilm.text.sections import parse_sections
from plainfilm.text.sentences import report_sentences
from plainfilm.types import Box, Image, Label, Report, State, Study

BOX_KINDS = ("observation", "region", "phrase")
_ONE_SHAPE = 0.02
"""Largest difference of proportions between two sizes of one image, from rounding."""
_STATES = frozenset(State)


@dataclass
class TableRows:
    """Rows of every table, in the order they were added."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    lacking: set[str] = field(default_factory=set)
    """Studies of which something is rejected that is more than a word about it."""

    def add(self, table: str, **row: Any) -> None:
        """Add one row."""
        self.tables.setdefault(table, []).append(row)

    def reject(self, path: str, reason: str, study_id: str | None) -> None:
        """Add a row to `rejected`."""
        self.add("rejected", path=path, reason=reason, study_id=study_id)
        if study_id and not (reason.startswith("label ") or "kept without" in reason):
            self.lacking.add(study_id)


def add_study(
    study: Study, rows: TableRows, store: Callable[[Image], dict[str, Any]], shown: Callable[[Path], str]
) -> None:
    """Add a study with its images, texts, labels and boxes; nothing if no part of it is usable.

    `store` writes one image and returns its measures (see `stored_image`); `shown` formats a raw path for a
    reason.
    """
    sections_before = len(rows.tables.get("sections", ()))
    stored = [image for image in study.images if _add_image(image, study, rows, store, shown)]
    indication = _add_report(study, rows) if study.report is not None else None
    if not stored and len(rows.tables.get("sections", ())) == sections_before:
        # What it had is rejected already, and is not counted twice.
        if study.study_id not in rows.lacking:
            reason = "the study has neither a usable image nor report text"
            rows.reject(study.study_id, reason, study.study_id)
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


def stored_image(image: Image, folder: Path, size: int, keep_refused: bool = False) -> dict[str, Any]:
    """Write an image below `folder`, its shortest side at most `size` pixels; return its measures.

    With `keep_refused`, a file whose header is not of a chest film is also stored, and flagged.

    Raises:
        ImageError: the image cannot be used.
    """
    pixels = read_image(image.path, size, keep_refused=keep_refused, flag_colours=True)
    path = stored_path(image.image_id)
    sha256 = write_jpeg(pixels.array, folder / path)
    height, width = pixels.array.shape
    # Tables describe the image as published, of which the file may be a reduced copy.
    published = image.width or pixels.original_width
    stated = image.spacing_mm * published / width if image.spacing_mm else None
    waves = spectrum(pixels.array)
    shown = (*appearance.flags(pixels.array), contradiction(waves, image.view))
    flags = [*pixels.flags, *filter(None, shown)]
    return {
        "path": path,
        "width": width,
        "height": height,
        "original_width": pixels.original_width,
        "original_height": pixels.original_height,
        "pixel_spacing_mm": pixels.spacing_mm or stated,
        "flags": "; ".join(flags) or None,
        "perceptual_hash": perceptual_hash(waves),
        "sha256": sha256,
    }


def stated_image(image: Image, size: int) -> dict[str, Any]:
    """The measures of an image from the tables, without its pixels, as if it were stored with `size`."""
    if image.width is None or image.height is None:
        return {"pixel_spacing_mm": image.spacing_mm}
    width, height = reduced_size((image.width, image.height), size)
    return {
        "width": width,
        "height": height,
        "original_width": image.width,
        "original_height": image.height,
        "pixel_spacing_mm": image.spacing_mm * image.width / width if image.spacing_mm else None,
    }


def _add_image(
    image: Image,
    study: Study,
    rows: TableRows,
    store: Callable[[Image], dict[str, Any]],
    shown: Callable[[Path], str],
) -> bool:
    path = image.shown or shown(image.path)
    try:
        measures = store(image)
    except ImageError as error:
        reason = str(error).removeprefix(f"{image.path}: ").replace(str(image.path), path)
        rows.reject(path, reason, study.study_id)
        return False
    rows.add(
        "images",
        image_id=image.image_id,
        study_id=study.study_id,
        view=str(image.view),
        licence=image.licence,
        **measures,
    )
    frames = _frames(image, measures)
    for box in image.boxes:
        _add_box(box, image, frames, rows, (path, study.study_id))
    return True


@dataclass(frozen=True)
class _Frames:
    """The (width, height) of the image of the boxes, and of the stored image; either may be unknown.

    The boxes of an image that was reduced before publication are in the pixels stated in its tables.
    """

    boxes: tuple[int, int] | None
    stored: tuple[int, int] | None

    @property
    def is_same_film(self) -> bool:
        """False if the proportions differ, so that boxes cannot be placed."""
        if self.boxes is None or self.stored is None:
            return True
        wide, high = (self.stored[axis] / self.boxes[axis] for axis in (0, 1))
        return abs(wide - high) <= _ONE_SHAPE * max(wide, high)


def _frames(image: Image, measures: dict[str, Any]) -> _Frames:
    stated = (image.width, image.height)
    seen = (measures.get("original_width"), measures.get("original_height"))
    stored = (measures.get("width"), measures.get("height"))
    return _Frames(_pair(stated) or _pair(seen), _pair(stored))


def _pair(size: tuple[int | None, int | None]) -> tuple[int, int] | None:
    return (size[0], size[1]) if size[0] and size[1] else None


def _add_box(box: Box, image: Image, frames: _Frames, rows: TableRows, place: tuple[str, str]) -> None:
    reason = _box_fault(box, frames)
    if reason:
        path, study_id = place
        rows.reject(path, f"box '{box.name}' ({box.x0}, {box.y0}, {box.x1}, {box.y1}) {reason}", study_id)
        return
    corners_xyxy_px = np.array([[box.x0, box.y0, box.x1, box.y1]])
    if frames.boxes and frames.stored:
        scaled = scale_boxes_xyxy(corners_xyxy_px, frames.boxes, frames.stored)
        corners_xyxy_px = clip_boxes_xyxy(scaled, frames.stored)
    x0, y0, x1, y1 = corners_xyxy_px[0].tolist()
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
    _add_labels("region", f"{image.image_id}:{box.name}", box.labels, rows, place[1])


def _box_fault(box: Box, frames: _Frames) -> str | None:
    corners_xyxy_px = np.array([[box.x0, box.y0, box.x1, box.y1]])
    if not np.isfinite(corners_xyxy_px).all():
        return "has a corner that is not a number"
    if box.x1 <= box.x0 or box.y1 <= box.y0:
        return "is inverted or has no area"
    if not frames.is_same_film:
        return f"belongs to an image of {frames.boxes}, which this one of {frames.stored} was not made from"
    if frames.boxes and box_area_xyxy(clip_boxes_xyxy(corners_xyxy_px, frames.boxes))[0] <= 0:
        return f"lies outside the image of {frames.boxes[0]} x {frames.boxes[1]}"
    if box.kind not in BOX_KINDS:
        return f"is of kind '{box.kind}', none of {', '.join(BOX_KINDS)}"
    return None


def _add_report(study: Study, rows: TableRows) -> str | None:
    """Add sections and sentences; return the indication."""
    report = study.report
    assert report is not None
    if len(report.text) > limits.LONGEST_TEXT:
        reason = f"its report has more than {limits.LONGEST_TEXT:,} characters and is left out"
        rows.reject(study.study_id, reason, study.study_id)
        return None
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


def _add_labels(target: str, target_id: str, labels: Iterable[Label], rows: TableRows, study_id: str) -> None:
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
            rule=label.rule,
            **dict(label.attributes),
        )
