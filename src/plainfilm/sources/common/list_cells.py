"""Cells that hold several things: Python lists, and names joined with signs."""

from __future__ import annotations

import ast
import re

from plainfilm.io import limits
from plainfilm.sources.base import is_blank

_BRACKET = re.compile(r"[\[\](){}]")
_OPENING = "[({"
_QUOTES = ("'", '"')


def too_long_a_list(cell: str) -> str | None:
    """Why a list in a cell is not read, in time that grows with its length only; `None` where it may be."""
    if not cell or cell.lstrip()[:1] not in _OPENING:
        return None
    entries = cell.count(",") + 1
    if entries > limits.MOST_ENTRIES:
        return f"has a list of about {entries:,} entries; at most {limits.MOST_ENTRIES:,} are read"
    depth = 0
    for match in _BRACKET.finditer(cell):
        depth += 1 if match[0] in _OPENING else -1
        if depth > limits.DEEPEST_LIST:
            return f"has a list of more than {limits.DEEPEST_LIST} levels"
    return None


def list_of(cell: str) -> list[str]:
    """The entries of a cell: a Python list literal, or the cell itself; none for a blank.

    >>> list_of("['a.jpg', 'b.jpg']"), list_of("a.jpg"), list_of(" ")
    (['a.jpg', 'b.jpg'], ['a.jpg'], [])
    """
    text = cell.strip()
    if is_blank(text):
        return []
    if text[0] in "[(" and text[-1] in "])" and too_long_a_list(text) is None:
        try:
            entries = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return [text]  # a sentence may begin with a bracket
        if isinstance(entries, list | tuple):
            return [str(entry).strip() for entry in entries if not is_blank(str(entry))]
    return [text]


def is_broken_list(cell: str) -> bool:
    """Whether a cell begins as a Python list does and is none: cut short, or a quote too many.

    >>> is_broken_list("['a.jpg', 'b.j"), is_broken_list("['a.jpg']"), is_broken_list("[scan] a.jpg")
    (True, False, False)
    """
    text = cell.strip()
    begins = text.startswith(("['", '["', "('", '("', "{'", '{"')) or (text[:1] + text[-1:]) in ("[]", "{}")
    return begins and list_of(text) == [text]


def is_torn(name: str) -> bool:
    """Whether a name has a bracket without its other half, or a quote at an end: it was cut out of a list.

    >>> is_torn("[Edema"), is_torn("Edema']"), is_torn("Mass (left)")
    (True, True, False)
    """
    halves = (("[", "]"), ("(", ")"), ("{", "}"))
    return (
        name[:1] in _QUOTES or name[-1:] in _QUOTES or any(name.count(a) != name.count(b) for a, b in halves)
    )


def names_of(cell: str) -> list[str]:
    """The observations a list cell names: a Python list, or names joined with `|` or `;`.

    >>> names_of("Mass| Edema"), names_of("['Mass', 'Edema']")
    (['Mass', 'Edema'], ['Mass', 'Edema'])
    """
    parts = [part for entry in list_of(cell) for part in entry.replace(";", "|").split("|")]
    return list(dict.fromkeys(part.strip() for part in parts if not is_blank(part)))
