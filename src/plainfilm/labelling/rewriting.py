"""Text that is read in other words than it was written in, with the place that each character came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Rewritten(NamedTuple):
    """A text as it is read; character i stands for `starts[i]` to `ends[i]` of the text as written."""

    text: str
    starts: Sequence[int]
    ends: Sequence[int]


def unchanged(text: str) -> Rewritten:
    """`text` as it is."""
    return Rewritten(text, range(len(text)), range(1, len(text) + 1))


def replace_spans(text: str, spans: Iterable[tuple[int, int, str]]) -> Rewritten:
    """`text` with each (start, end, words) of `spans`, in order and apart, replaced by its words.

    >>> replace_spans("isn't", [(2, 5, " not")])
    Rewritten(text='is not', starts=[0, 1, 2, 2, 2, 2], ends=[1, 2, 5, 5, 5, 5])
    """
    pieces: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    last = 0
    for start, end, words in [*spans, (len(text), len(text), "")]:
        pieces += [text[last:start], words]
        starts += [*range(last, start), *[start] * len(words)]
        ends += [*range(last + 1, start + 1), *[end] * len(words)]
        last = end
    return Rewritten("".join(pieces), starts, ends)


def compose(first: Rewritten, second: Rewritten) -> Rewritten:
    """What `second` made of the text of `first`, with places in the text before both."""
    starts = [first.starts[place] for place in second.starts]
    return Rewritten(second.text, starts, [first.ends[place - 1] for place in second.ends])
