"""Reads Traditional Chinese, alone or around English terms, as Taiwan's hospitals write their reports.

English words take the place of the Chinese ones (`chinese.yaml`), each with the place that it came from,
and the rules of English read the result. Characters that are not known say nothing; where they are too
many, or the text is of another Chinese or of Japan, it is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

from plainfilm.config import read_yaml
from plainfilm.labelling.readable import is_traditional
from plainfilm.labelling.rewriting import Rewritten, replace_spans

_FILE = Path(__file__).with_name("chinese.yaml")
_HAN = "\u3400-\u9fff"
_HAS_HAN = re.compile(f"[{_HAN}]")
_CHINESE = re.compile(f"[{_HAN}\u3001\u3002\uff01-\uff5e]")
_CLAUSE_ENDS = "，。；：、,.;:"
_LISTED = re.compile("[^，。；;.]{1,24}[及或與和]|[^，。；;.]{1,24}，[^。；;.]{0,60}[及或與和]")
_NOT_KNOWN = "xxxx"
_MOST_UNKNOWN = 1 / 3
_PART = re.compile(r"\((?P<group>[^()]*)\)|\[(?P<one>[^\]]*)\]|(?P<letter>[^?])")


class Translated(NamedTuple):
    """A sentence in English words; `readable` is False where too much of it is not known."""

    rewritten: Rewritten
    readable: bool


def is_chinese(text: str) -> bool:
    """Whether `text` has a Chinese character."""
    return _HAS_HAN.search(text) is not None


def translate(text: str) -> Translated | None:
    """The sentence `text`, in small letters, in English words; None where it is not Chinese in any part."""
    if not is_chinese(text):
        return None
    spans: list[tuple[int, int, str]] = []
    known = unknown = place = 0
    while found := _CHINESE.search(text, place):
        start = found.start()
        place, english = _read(text, start)
        known += place - start
        unknown += english == _NOT_KNOWN
        spans.append((start, place, f" {english} "))
    readable = unknown <= _MOST_UNKNOWN * known and is_traditional(text)
    return Translated(replace_spans(text, spans), readable)


def _read(text: str, start: int) -> tuple[int, str]:
    """Where the longest phrase ends that begins at `start`, and its English."""
    phrases, longest = _phrases()
    opens = start == 0 or text[start - 1] in _CLAUSE_ENDS or text[start - 1].isspace()
    for end in range(min(len(text), start + longest), start, -1):
        written = text[start:end]
        closes = end == len(text) or text[end] in _CLAUSE_ENDS
        english = phrases.get(f"{written}$") if closes else None
        english = phrases.get(f"^{written}") if english is None and opens else english
        english = phrases.get(written) if english is None else english
        if english is not None:
            return end, english
    if text[start] == "，":
        return start + 1, "," if _LISTED.match(text, start + 1) else ";"
    return start + 1, _NOT_KNOWN


@cache
def _phrases() -> tuple[dict[str, str], int]:
    """Chinese → English, and the length of the longest Chinese phrase."""
    found = {
        chinese: english.strip()
        for group in read_yaml(_FILE).values()
        for english, written in group.items()
        for phrase in written
        for chinese in spelled_out(phrase)
    }
    return found, max(map(len, found))


def spelled_out(phrase: str) -> Iterator[str]:
    """All that a phrase of `chinese.yaml` stands for.

    >>> sorted(spelled_out("(胸|肋)膜?"))
    ['肋', '肋膜', '胸', '胸膜']
    """
    options: list[list[str]] = []
    for part in _PART.finditer(phrase):
        written = (
            part["group"].split("|") if part["group"] is not None else list(part["one"] or part["letter"])
        )
        options.append([*written, ""] if phrase.startswith("?", part.end()) else written)
    return map("".join, product(*options))
