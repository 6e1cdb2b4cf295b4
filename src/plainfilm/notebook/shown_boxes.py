"""Boxes in every form that they come in, as boxes to show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from plainfilm.errors import UsageError
from plainfilm.pages.boxes import ShownBox
from plainfilm.predictor import FoundText
from plainfilm.types import Box

_FORMS = "give corners x0, y0, x1, y1, an array (N, 4), a collection's boxes, or what `locate` found"


def shown_boxes(boxes: Any) -> tuple[ShownBox, ...]:
    """The boxes to show of one, or of several in a sequence or by name: x0, y0, x1, y1 in pixels, an array
    (N, 4) of them, a `types.Box` (shown as truth) or a `FoundText` (as prediction, with its scores).

    Raises:
        UsageError: none of these, or a corner that is not finite.
    """
    if boxes is None:
        return ()
    if isinstance(boxes, Mapping):
        return tuple(one for name, value in boxes.items() for one in _read(value, str(name)))
    return tuple(_read(boxes, ""))


def _read(boxes: Any, name: str) -> Iterator[ShownBox]:
    if isinstance(boxes, ShownBox):
        yield boxes
    elif isinstance(boxes, Box):
        yield ShownBox(boxes.x0, boxes.y0, boxes.x1, boxes.y1, name or _name_of(boxes), "truth")
    elif isinstance(boxes, FoundText):
        for corners, score in zip(boxes.boxes, boxes.scores, strict=True):
            yield ShownBox.at(corners, name or boxes.text, "prediction", float(score))
    elif (corners := _corners(boxes)) is not None:
        for number, one in enumerate(corners, 1):
            yield ShownBox.at(one, name or f"box {number}", "other")
    elif isinstance(boxes, Iterable) and not isinstance(boxes, str):
        for number, one in enumerate(boxes, 1):
            yield from _read(one, name or ("" if _corners(one) is None else f"box {number}"))
    else:
        raise UsageError(f"show: boxes are {type(boxes).__name__}: {_FORMS}")


def _name_of(box: Box) -> str:
    return box.phrase if box.kind == "phrase" and box.phrase else box.name


def _corners(boxes: Any) -> np.ndarray | None:
    """(N, 4) of numbers, if these are some."""
    if hasattr(boxes, "detach"):  # a tensor of torch
        boxes = boxes.detach().cpu()
    try:
        array = np.asarray(boxes, dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return array.reshape(-1, 4) if array.size and array.shape[-1:] == (4,) and array.ndim <= 2 else None
