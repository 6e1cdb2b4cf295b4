"""What the data sets of films and of studies have in common."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar, Generic, TypeVar

RecordType = TypeVar("RecordType")


class Records(Sequence[Any], Generic[RecordType]):
    """Records by number, or what `transform` makes of each; a map-style data set for a `DataLoader`."""

    what: ClassVar[str]
    """The name of one record, for messages."""

    def __init__(self, transform: Callable[[RecordType], Any] | None) -> None:
        self._transform = transform

    def record(self, number: int) -> RecordType:
        """Record `number`, 0 to the number of records - 1, without the transform."""
        raise NotImplementedError

    def __getitem__(self, index: Any) -> Any:
        """Record `index`; a slice gives a list.

        Raises:
            IndexError: there is no such record.
        """
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        number = operator.index(index)
        if not -len(self) <= number < len(self):
            raise IndexError(f"{self!r}: there is no {self.what} number {number}")
        record = self.record(number % len(self))
        return record if self._transform is None else self._transform(record)

    def __iter__(self) -> Iterator[Any]:
        return (self[number] for number in range(len(self)))
