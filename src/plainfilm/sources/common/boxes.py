"""The box in the cells of a row."""

from __future__ import annotations

from collections.abc import Sequence

from plainfilm.sources.base import number_of
from plainfilm.sources.common.rows import Row
from plainfilm.types import Rejection

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
