"""Text that is read in other words than it was written in, with the place that each character came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Rewritten(NamedTuple):
    """A text as it is read; `places[i]` is where its character i lies in the text as written."""

    text: str
    places: Sequence[int]


def replace_spans(text: str, spans: Iterable[tuple[int, int, str]]) -> Rewritten:
    """`text` with each (start, end, words) of `spans`, in order and apart, replaced by its words.

    >>> replace_spans("isn't", [(2, 5, " not")])
    Rewritten(text='is not', places=[0, 1, 2, 3, 4, 4, 5])
    """
    pieces: list[str] = []
    places: list[int] = []
    last = 0
    for start, end, words in spans:
        pieces += [text[last:start], words]
        places += range(last, start)
        places += [min(start + letter, end - 1) for letter in range(len(words))]
        last = end
    return Rewritten("".join([*pieces, text[last:]]), [*places, *range(last, len(text) + 1)])


def compose(first: Rewritten | None, second: Rewritten | None) -> Rewritten | None:
    """What `second` made of the text of `first`, with places in the text before both; None is no change."""
    if first is None or second is None:
        return first or second
    return Rewritten(second.text, [first.places[place] for place in second.places])
