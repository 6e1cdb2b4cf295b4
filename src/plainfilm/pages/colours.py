"""The colours that pages, figures and pictures share, so that one thing looks the same everywhere."""

from __future__ import annotations

BOXES = {"truth": "#35d0ff", "prediction": "#ffb02e", "other": "#e879f9"}
"""By the kind of a box (`pages.boxes.ShownBox`): light enough for black films."""


def of_box(kind: str) -> str:
    """The colour of boxes of a kind; one colour for all kinds without their own."""
    return BOXES.get(kind, BOXES["other"])
