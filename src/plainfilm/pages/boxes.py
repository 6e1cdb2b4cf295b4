"""Boxes that pages show on images."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from plainfilm.errors import UsageError


@dataclass(frozen=True)
class ShownBox:
    """A box on an image, in pixels of what is shown, x right and y down.

    kind: "truth", "prediction", or another word such as "other" for what was asked. score: the confidence in
    a predicted box.

    Raises:
        UsageError: a coordinate is not a finite number.
    """

    x0: float
    y0: float
    x1: float
    y1: float
    name: str
    kind: str
    score: float | None = None

    @classmethod
    def at(cls, corners: Iterable[float], name: str, kind: str, score: float | None = None) -> ShownBox:
        """The box of four `corners`, x0, y0, x1, y1."""
        x0, y0, x1, y1 = map(float, corners)
        return cls(x0, y0, x1, y1, name, kind, score)

    def __post_init__(self) -> None:
        corners = (self.x0, self.y0, self.x1, self.y1)
        if not all(math.isfinite(corner) for corner in corners):
            raise UsageError(f"box '{self.name}': {corners} are not four finite numbers")
