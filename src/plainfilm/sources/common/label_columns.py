"""Labels from columns of a table that nobody has described: states (1, 0, -1, yes, no) or lists of names.

What a column holds is decided over all of its cells, so that codes of another kind (probabilities, per cents,
classes from 0 to 3) are not taken for states where some of them look like it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from plainfilm.errors import SourceError
from plainfilm.io.csv_files import folded_header
from plainfilm.sources.base import is_blank, no_state, number_of, shown, state_of
from plainfilm.sources.common.known_observations import PER_CENT, KnownObservations, Observations, is_code
from plainfilm.sources.common.list_cells import is_broken_list, is_torn, names_of
from plainfilm.types import Label, State

Codes = Literal["chexpert", "chexbert"]
"""What numbers mean: 1, 0, -1 and blank, or CheXbert's classes (1, 2 and 3 for these, 0 for blank)."""

_CHEXBERT = {0.0: None, 1.0: State.POSITIVE, 2.0: State.NEGATIVE, 3.0: State.UNCERTAIN}
_REMEMBERED = 32
"""So long a cell is read once for all rows that have it."""
_MOST_REMEMBERED = 10_000

_RARE = 0.01
"""A larger share of cells with other codes than 1, 0, -1 is no slip: the whole table has other codes."""

_MINUS = ("-", "−", "–")
_PLUS = ("+", "＋")
_NO_OBSERVATIONS = frozenset(
    (
        "label",
        "labels",
        "finding",
        "findings",
        "findinglabels",
        "class",
        "target",
        "diagnosis",
        "y",
        "groundtruth",
    )
)


@dataclass
class _Column:
    """What the cells of a column are that are not blank: how many, how many like states, the first of all and
    of other codes than 1, 0, -1, how many of these, whether any is a plus, and whether any names an
    observation."""

    filled: int = 0
    like_states: int = 0
    first: str = ""
    others: int = 0
    first_other: str = ""
    has_plus: bool = False
    has_names: bool = False


@dataclass
class LabelColumns:
    """The label columns of a table: `headers`, and the cells by header of `rows`, which can be gone through
    again and again; `known` are names of observations.

    `states` are the headers of columns that hold states; the others hold lists.
    """

    headers: Sequence[str]
    rows: Iterable[Mapping[str, str]]
    known: Observations = field(default_factory=KnownObservations)
    codes: Codes = "chexpert"
    origin: str = ""
    _known_cells: dict[tuple[str, str], tuple[Label | str, ...]] = field(default_factory=dict, repr=False)
    _known_names: dict[str, bool] = field(default_factory=dict, repr=False)
    _spelled: dict[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        columns = self._summed_up()
        self.states = {header for header in self.headers if self._holds_states(header, columns[header])}
        self._is_signed = any(columns[header].has_plus for header in self.states)
        self.foreign = self._foreign(columns) if self.codes == "chexpert" else None
        """A column and a cell that show that the numbers are other codes than 1, 0, -1."""

    def _summed_up(self) -> dict[str, _Column]:
        columns = {header: _Column() for header in self.headers}
        for row in self.rows if self.headers else ():
            for header, column in columns.items():
                if not is_blank(row[header]):
                    self._add(row[header].strip(), column, header in self.known)
        return columns

    def _add(self, cell: str, column: _Column, could_hold_states: bool) -> None:
        like_state, other = _kind(cell)
        column.first = column.first if column.filled else cell
        column.filled += 1
        column.like_states += like_state
        column.has_plus = column.has_plus or cell in _PLUS
        if other:
            column.first_other = column.first_other if column.others else cell
            column.others += 1
        if could_hold_states and not column.has_names:
            column.has_names = self._names_any(cell)

    def _names_any(self, cell: str) -> bool:
        """Whether a cell names an observation that is known."""
        if (found := self._known_names.get(cell)) is None:
            found = any(name in self.known for name in names_of(cell))
            if len(self._known_names) < _MOST_REMEMBERED:
                self._known_names[cell] = found
        return found

    def _holds_states(self, header: str, column: _Column) -> bool:
        """Whether a column is named as an observation, or most of its cells are numbers or states."""
        if column.filled and 2 * column.like_states >= column.filled:
            if folded_header(header) in _NO_OBSERVATIONS and column.like_states == column.filled:
                raise SourceError(
                    f"column '{header}' holds '{shown(column.first)}': of which observation? "
                    "Name the column as the observation"
                )
            return True
        return header in self.known and not column.has_names

    def _foreign(self, columns: Mapping[str, _Column]) -> tuple[str, str] | None:
        for header in sorted(self.states):
            if columns[header].others > _RARE * columns[header].filled:
                return header, columns[header].first_other
        return None

    def of(self, row: Mapping[str, str]) -> tuple[tuple[Label, ...], list[str]]:
        """The labels of a row, and why cells of it are none."""
        labels: dict[str, Label] = {}
        faults: list[str] = []
        for header in self.headers:
            cell = row[header]
            for item in self._items(header, cell):
                if not isinstance(item, Label):
                    faults.append(item)
                elif labels.setdefault(item.observation, item).state != item.state:
                    faults.append(
                        f"label {header} is '{shown(cell)}', but {item.observation} is stated in "
                        "another column already, which is taken"
                    )
        return tuple(labels.values()), faults

    def _items(self, header: str, cell: str) -> tuple[Label | str, ...]:
        """What a cell says. Short cells are the same ones again and again, and are read once."""
        found = self._known_cells.get((header, cell))
        if found is None:
            read = self._state if header in self.states else self._names
            found = () if is_blank(cell) else tuple(read(header, cell.strip()))
            if len(cell) <= _REMEMBERED and len(self._known_cells) < _MOST_REMEMBERED:
                self._known_cells[header, cell] = found
        return found

    def _state(self, header: str, cell: str) -> Iterator[Label | str]:
        number = number_of(cell.replace(",", "."))
        if self.codes == "chexbert" and number is not None:
            if number not in _CHEXBERT:
                yield f"label {header} is '{shown(cell)}': expected 1, 2, 3 or 0 (CheXbert's classes)"
            elif (state := _CHEXBERT[number]) is not None:
                yield self._label(header, state)
            return
        state = State.NEGATIVE if cell in _MINUS and self._is_signed else state_of(cell)
        if state is None:
            yield no_state(header, cell)
        elif number is not None and self.foreign:
            yield (
                f"{no_state(header, cell)}, and column {self.foreign[0]} has '{shown(self.foreign[1])}': "
                "what do the numbers mean? (codes=chexbert reads CheXbert's classes 0 to 3)"
            )
        else:
            yield self._label(header, state)

    def _names(self, header: str, cell: str) -> Iterator[Label | str]:
        names = names_of(cell)
        if is_broken_list(cell) or any(map(is_torn, names)):
            yield f"{header} '{shown(cell)}' is no list of observations: is it cut short, or without quotes?"
            return
        for name in names:
            parts = [part.strip() for part in name.split(",")]
            if name in self.known:
                yield self._label(name, State.POSITIVE)
            elif len(parts) > 1 and all(part in self.known for part in parts):
                yield from (self._label(part, State.POSITIVE) for part in parts)
            else:
                yield self._unknown(header, name)

    def _label(self, name: str, state: State) -> Label:
        """A label of an observation, which has one spelling: the first of the table."""
        folded = " ".join(name.casefold().replace("_", " ").split())
        return Label(self._spelled.setdefault(folded, name), state, self.origin)

    def _unknown(self, header: str, name: str) -> str:
        near = self.known.nearest(name)
        return (
            f"{header} names '{shown(name)}', which is no observation that is known: {near}"
            "name your own with --option observations=[NAME,...], or any to take every name"
        )


@functools.lru_cache(maxsize=4096)
def _kind(cell: str) -> tuple[bool, bool]:
    """Whether a cell is like a state, and whether it is a code of another kind than states."""
    return state_of(cell) is not None or is_code(cell), _is_other_code(cell)


def _is_other_code(cell: str) -> bool:
    """Whether a cell is a code of another kind: a share, a per cent, or a class beyond 1."""
    number = number_of(cell.replace(",", "."))
    return PER_CENT.fullmatch(cell) is not None or (
        number is not None and (number in (2.0, 3.0) or number != int(number))
    )
