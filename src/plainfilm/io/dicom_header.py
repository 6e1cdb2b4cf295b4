"""Reads elements of a DICOM header without ever failing on what has nothing to do with the pixels."""

from __future__ import annotations

import math
import struct
from typing import Any

# A value that its type does not allow raises one of these, and only when it is looked at.
_UNREADABLE = (
    *(ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError),
    *(NotImplementedError, RecursionError, struct.error),
)


def text(dataset: Any, keyword: str) -> str:
    """The element as text without spaces around it; several values are joined, an absent one is empty."""
    try:
        value = dataset.get(keyword)
        values = value if isinstance(value, (list, tuple)) or _is_multiple(value) else [value]
        return " ".join(str(part) for part in values if part is not None).strip(" \0")
    except _UNREADABLE:
        return ""


def numbers(dataset: Any, keyword: str) -> list[float]:
    """The finite numbers of an element, in order; none where it is absent or no number."""
    try:
        value = dataset.get(keyword)
        values = value if isinstance(value, (list, tuple)) or _is_multiple(value) else [value]
        found = [float(part) for part in values if part is not None and part != ""]
    except _UNREADABLE:
        return []
    return found if all(map(math.isfinite, found)) else []


def number(dataset: Any, keyword: str) -> float | None:
    """The first finite number of an element, or `None`."""
    return next(iter(numbers(dataset, keyword)), None)


def items(dataset: Any, keyword: str) -> list[Any]:
    """The items of a sequence; none where it is absent or no sequence."""
    try:
        value = dataset.get(keyword)
    except _UNREADABLE:
        return []
    return list(value) if value is not None and type(value).__name__ == "Sequence" else []


def _is_multiple(value: Any) -> bool:
    return type(value).__name__ == "MultiValue"
