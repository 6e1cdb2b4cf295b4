"""The box in the cells of a row, and boxes in the pixels of another size of their image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage

from plainfilm.errors import DataError
from plainfilm.geometry import scale_boxes_xyxy
from plainfilm.io.archives import open_binary
from plainfilm.sources.base import number_of
from plainfilm.sources.common.rows import Row
from plainfilm.types import Box, Image, Rejection

Corners = tuple[float, float, float, float]
"""`(x0, y0, x1, y1)`, x right and y down."""


def corners_of(
    row: Row, headers: Sequence[str], study: str, *, sized: bool = False
) -> Corners | Rejection | None:
    """The box that four cells state, `None` where all of them are blank.

    The cells are the corners x0, y0, x1, y1 or, for one that is `sized`, x0, y0, width and height.
    """
    cells = [row[header] for header in headers]
    if not any(cells):
        return None
    shown = f"box ({', '.join(cells)})"
    numbers = [number for cell in cells if (number := number_of(cell)) is not None]
    if len(numbers) < len(cells):
        return Rejection(row.place, f"{shown} is not four numbers", study)
    x0, y0, x1, y1 = numbers
    if sized:
        x1, y1 = x0 + x1, y0 + y1
    if x1 <= x0 or y1 <= y0:
        return Rejection(row.place, f"{shown} is inverted or has no area", study)
    return x0, y0, x1, y1


def fitted(image: Image, frame: tuple[int, int], size: tuple[int, int]) -> Image:
    """The image of `size` (width, height) pixels; its boxes are given in units of a (width, height) `frame`.

    A frame of (1, 1) has boxes in fractions of the image.
    """
    corners = np.array([[box.x0, box.y0, box.x1, box.y1] for box in image.boxes]).reshape(-1, 4)
    scaled = scale_boxes_xyxy(corners, frame, size).tolist()
    boxes = (_moved(box, *row) for box, row in zip(image.boxes, scaled, strict=True))
    return replace(image, boxes=tuple(boxes), width=size[0], height=size[1])


def _moved(box: Box, x0: float, y0: float, x1: float, y1: float) -> Box:
    return replace(box, x0=x0, y0=y0, x1=x1, y1=y1)


def size_of_picture(path: Path) -> tuple[int, int] | None:
    """The (width, height) in the header of a picture; `None` where it is not here or no picture.

    Damage is reported when the pixels are decoded.
    """
    try:
        with open_binary(path) as stream, PillowImage.open(stream) as picture:
            return picture.size
    except (OSError, DataError, PillowImage.DecompressionBombError):
        return None
