"""Reads elements of a DICOM header without ever failing on what has nothing to do with the pixels."""

from __future__ import annotations

import functools
import math
import struct
from typing import Any

from plainfilm.io.optional import optional_import


@functools.cache
def _unreadable() -> tuple[type[Exception], ...]:
    """What a value raises that its type does not allow, and only when it is looked at."""
    lengths: type[Exception] = optional_import("pydicom.errors", "dicom", "DICOM").BytesLengthException
    plain = (ValueError, TypeError, AttributeError, KeyError, IndexError, OverflowError)
    return (*plain, NotImplementedError, RecursionError, struct.error, lengths)


def text(dataset: Any, keyword: str) -> str:
    """The element as text without spaces around it; several values are joined, an absent one is empty."""
    try:
        value = dataset.get(keyword)
        values = value if isinstance(value, (list, tuple)) or _is_multiple(value) else [value]
        return " ".join(str(part) for part in values if part is not None).strip(" \0")
    except _unreadable():
        return ""


def numbers(dataset: Any, keyword: str) -> list[float]:
    """The finite numbers of an element, in order; none where it is absent or no number."""
    try:
        value = dataset.get(keyword)
        values = value if isinstance(value, (list, tuple)) or _is_multiple(value) else [value]
        found = [float(part) for part in values if part is not None and part != ""]
    except _unreadable():
        return []
    return found if all(map(math.isfinite, found)) else []


def number(dataset: Any, keyword: str) -> float | None:
    """The first finite number of an element, or `None`."""
    return next(iter(numbers(dataset, keyword)), None)


def code(dataset: Any, keyword: str) -> str:
    """An element that is one of a few words, in capitals with `_` between them: files write them all ways."""
    first = text(dataset, keyword).split("\\")[0]
    return "_".join(first.upper().replace("-", " ").replace("_", " ").split())


def items(dataset: Any, keyword: str) -> list[Any]:
    """The items of a sequence; none where it is absent or no sequence."""
    try:
        value = dataset.get(keyword)
    except _unreadable():
        return []
    bases = ((base.__module__, base.__name__) for base in type(value).__mro__)
    return list(value) if ("pydicom.sequence", "Sequence") in bases else []


def element(dataset: Any, keyword: str) -> Any:
    """The value of an element as the file has it, or `None` where it is absent or cannot be read."""
    try:
        return dataset.get(keyword)
    except _unreadable():
        return None


def frame_values(dataset: Any, sequence: str, keyword: str) -> Any:
    """What holds `keyword`: the dataset itself, or else an item for its first frame of a functional group.

    Enhanced images (PS3.3 C.7.6.16) say what was said of a film in such an item.
    """
    if element(dataset, keyword) is not None:
        return dataset
    groups = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
    found = [
        item for group in groups for frame in items(dataset, group)[:1] for item in items(frame, sequence)
    ]
    return found[0] if found else dataset


def _is_multiple(value: Any) -> bool:
    return type(value).__name__ == "MultiValue"
