"""Labels from columns of a table that nobody has described: states (1, 0, -1, yes, no) or lists of names.

What a column holds is decided over all of its cells, so that codes of another kind (probabilities, per cents,
classes from 0 to 3) are not taken for states where some of them look like it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
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
class LabelColumns:
    """The label columns of a table: `columns` by header, over all rows; `known` are names of observations.

    `states` are the headers of columns that hold states; the others hold lists.
    """

    columns: Mapping[str, Sequence[str]]
    known: Observations = field(default_factory=KnownObservations)
    codes: Codes = "chexpert"
    origin: str = ""
    _known_cells: dict[tuple[str, str], tuple[Label | str, ...]] = field(default_factory=dict, repr=False)
    _spelled: dict[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.states = {header for header in self.columns if self._holds_states(header)}
        self._is_signed = any(
            cell.strip() in _PLUS for header in self.states for cell in self.columns[header]
        )
        self.foreign = self._foreign() if self.codes == "chexpert" else None
        """A column and a cell that show that the numbers are other codes than 1, 0, -1."""

    def _filled(self, header: str) -> list[str]:
        return [cell.strip() for cell in self.columns[header] if not is_blank(cell)]

    def _holds_states(self, header: str) -> bool:
        """Whether a column is named as an observation, or most of its cells are numbers or states."""
        filled = self._filled(header)
        like_states = sum(state_of(cell) is not None or is_code(cell) for cell in filled)
        if filled and 2 * like_states >= len(filled):
            if folded_header(header) in _NO_OBSERVATIONS and like_states == len(filled):
                raise SourceError(
                    f"column '{header}' holds '{shown(filled[0])}': of which observation? "
                    "Name the column as the observation"
                )
            return True
        named = any(name in self.known for cell in filled for name in names_of(cell))
        return header in self.known and not named

    def _foreign(self) -> tuple[str, str] | None:
        for header in sorted(self.states):
            filled = self._filled(header)
            others = [cell for cell in filled if _is_other_code(cell)]
            if len(others) > _RARE * len(filled):
                return header, others[0]
        return None

    def of(self, row: int) -> tuple[tuple[Label, ...], list[str]]:
        """The labels of a row, and why cells of it are none."""
        labels: dict[str, Label] = {}
        faults: list[str] = []
        for header, cells in self.columns.items():
            for item in self._items(header, cells[row]):
                if not isinstance(item, Label):
                    faults.append(item)
                elif labels.setdefault(item.observation, item).state != item.state:
                    faults.append(
                        f"label {header} is '{shown(cells[row])}', but {item.observation} is stated in "
                        "another column already, which is taken"
                    )
        return tuple(labels.values()), faults

    def _items(self, header: str, cell: str) -> tuple[Label | str, ...]:
        """What a cell says. Short cells are the same ones again and again, and are read once."""
        found = self._known_cells.get((header, cell))
        if found is None:
            read = self._state if header in self.states else self._names
            found = () if is_blank(cell) else tuple(read(header, cell.strip()))
            if len(cell) <= _REMEMBERED:
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
def _is_other_code(cell: str) -> bool:
    """Whether a cell is a code of another kind: a share, a per cent, or a class beyond 1."""
    number = number_of(cell.replace(",", "."))
    return PER_CENT.fullmatch(cell) is not None or (
        number is not None and (number in (2.0, 3.0) or number != int(number))
    )
