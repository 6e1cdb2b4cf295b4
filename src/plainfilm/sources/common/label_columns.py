"""Labels from columns of a table that nobody has described: states (1, 0, -1) or lists of names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from plainfilm.sources.base import is_blank, no_state, state_of
from plainfilm.sources.common.list_cells import names_of
from plainfilm.types import Label, Rejection, State


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
            rejections += [Rejection(place(row), no_state(header, cells[row])) for row in wrong]
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
