"""Finds what in a report looks like it identifies a person: names, dates, numbers, addresses.

The kinds are those of the Safe Harbor rule (45 CFR 164.514(b)(2)) that reports hold; the rules are in
`privacy.yaml`. Placeholders of reports that were de-identified (`___`, `XXXX`, `[**Name**]`) are no
identifiers. A name that stands alone, without title, role or a usual given name, is not found: this tells
whether a corpus was de-identified, and is no de-identification itself.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from plainfilm.text.overlaps import without_overlaps

_NO_NAME = "The|This|There|No|And|At|On|In|By|For|With|Was|Is|Who|Regarding|Via"
_CAPITALISED = rf"(?!X{{2,}}|(?:{_NO_NAME})\b)[A-ZÀ-Þ][A-Za-zÀ-ÿ'’-]+"
_PLACEHOLDER = re.compile(r"X{2,}|_{2,}|\[\*\*|<[A-Z_ ]+>")
_WORDS = re.compile(r"<(\w+)>")
_DIGIT, _ADDRESS_SIGN = re.compile(r"\d"), re.compile(r"@|://|www\.", re.IGNORECASE)
_NEEDS = dict.fromkeys(("date", "phone", "number", "address", "age"), _DIGIT) | {"e-mail": _ADDRESS_SIGN}
"""What a text must have anywhere to hold an identifier of a kind: most have no need of most rules."""


@dataclass(frozen=True, order=True)
class Span:
    """`text[start:end]` looks like an identifier.

    `kind` is date, name, phone, number, address, e-mail (which web addresses are too) or age (above 89).
    """

    start: int
    end: int
    kind: str


def find_identifiers(text: str) -> list[Span]:
    """What in `text` looks like an identifier, in order, without overlaps (the longer one is kept)."""
    found = sorted(set(_spans(text)), key=lambda span: (span.start - span.end, span))
    return [span for _, _, span in without_overlaps((span.start, span.end, span) for span in found)]


def _spans(text: str) -> Iterator[Span]:
    needed = [(kind, rules) for kind, rules in _rules() if kind not in _NEEDS or _NEEDS[kind].search(text)]
    for kind, pattern in ((kind, pattern) for kind, patterns in needed for pattern in patterns):
        value = "value" if "value" in pattern.groupindex else 0
        for match in pattern.finditer(text):
            if not _PLACEHOLDER.search(match[value]):
                yield Span(match.start(value), match.end(value), kind)


@functools.cache
def _rules() -> tuple[tuple[str, tuple[re.Pattern[str], ...]], ...]:
    rules: dict[str, Any] = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text("utf-8"))
    words = {name: _either(phrase for row in rows for phrase in row) for name, rows in rules["words"].items()}
    words["Name"] = _CAPITALISED

    def expanded(pattern: str) -> re.Pattern[str]:
        return re.compile(_WORDS.sub(lambda match: words.get(match[1], match[0]), pattern))

    return tuple((kind, tuple(map(expanded, patterns))) for kind, patterns in rules["kinds"].items())


def _either(phrases: Iterable[str]) -> str:
    return "|".join(sorted(phrases, key=len, reverse=True))
