"""What the cells of a table mean where one cell or row holds several things: lists, labels, sections."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence

from plainfilm.sources.base import is_blank, state_of
from plainfilm.text.structured import report_of, section_of
from plainfilm.types import Label, Rejection, Report, State


def list_of(cell: str) -> list[str]:
    """The entries of a cell: a Python list literal, or the cell itself; none for a blank.

    >>> list_of("['a.jpg', 'b.jpg']"), list_of("a.jpg"), list_of(" ")
    (['a.jpg', 'b.jpg'], ['a.jpg'], [])
    """
    text = cell.strip()
    if is_blank(text):
        return []
    if text[0] in "[(" and text[-1] in "])":
        try:
            entries = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return [text]  # a sentence may begin with a bracket
        if isinstance(entries, list | tuple):
            return [str(entry).strip() for entry in entries if not is_blank(str(entry))]
    return [text]


def names_of(cell: str) -> list[str]:
    """The observations a list cell names: a Python list, or names joined with `|` or `;`.

    >>> names_of("Mass| Edema"), names_of("['Mass', 'Edema']")
    (['Mass', 'Edema'], ['Mass', 'Edema'])
    """
    parts = [part for entry in list_of(cell) for part in entry.replace(";", "|").split("|")]
    return list(dict.fromkeys(part.strip() for part in parts if not is_blank(part)))


def columns_of_labels(
    columns: Mapping[str, Sequence[str]], place: Callable[[int], str]
) -> tuple[set[str], list[Rejection]]:
    """Which columns hold states (1, 0, -1) rather than lists of names, and their cells that hold neither.

    A column is one of states where at least half of its cells that are not blank are states.
    """
    states: set[str] = set()
    rejections: list[Rejection] = []
    for header, cells in columns.items():
        filled = [row for row, cell in enumerate(cells) if not is_blank(cell)]
        wrong = [row for row in filled if state_of(cells[row]) is None]
        if filled and 2 * len(wrong) <= len(filled):
            states.add(header)
            rejections += [
                Rejection(place(row), f"label {header} is '{cells[row]}': expected 1, 0, -1 or blank")
                for row in wrong
            ]
    return states, rejections


def row_labels(
    columns: Mapping[str, Sequence[str]], states: set[str], row: int, origin: str
) -> tuple[Label, ...]:
    """What one row says: a column of states by its header, a list column as positives."""
    labels: dict[str, Label] = {}
    for header, cells in columns.items():
        if header not in states:
            for name in names_of(cells[row]):
                labels.setdefault(name, Label(name, State.POSITIVE, origin))
            continue
        state = state_of(cells[row])
        if state is not None:
            labels.setdefault(header, Label(header, state, origin))
    return tuple(labels.values())


def join_sections(parts: Sequence[tuple[str, str]], header_rules: str) -> Report:
    """One report of (header, text) parts; a single column that names no section is parsed instead."""
    names = [section_of(header) for header, _ in parts]
    if len({header for header, _ in parts}) == 1 and names[0] == "other":
        return Report("\n\n".join(text.strip() for _, text in parts), header_rules=header_rules)
    return report_of(zip(names, (text for _, text in parts), strict=True), header_rules)
