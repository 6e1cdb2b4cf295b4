"""Of spans that overlap, the ones that come first."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable
from typing import TypeVar

Item = TypeVar("Item")


def without_overlaps(spans: Iterable[tuple[int, int, Item]]) -> list[tuple[int, int, Item]]:
    """The spans (start, end, item) that overlap none kept before, sorted by their start.

    Each is compared with its neighbours only, so that the time grows with the number of spans.

    >>> without_overlaps([(4, 9, "long"), (0, 5, "before"), (9, 10, "behind")])
    [(4, 9, 'long'), (9, 10, 'behind')]
    """
    starts: list[int] = []
    kept: list[tuple[int, int, Item]] = []
    for span in spans:
        low, high, _ = span
        place = bisect(starts, low)
        # Those kept do not overlap each other.
        if all(high <= start or end <= low for start, end, _ in kept[max(0, place - 1) : place + 1]):
            starts.insert(place, low)
            kept.insert(place, span)
    return kept
