"""A column of long texts on disk, so that a table of millions of reports needs little memory."""

from __future__ import annotations

import tempfile
import weakref
from array import array
from collections.abc import Sequence
from typing import overload

_ENCODING, _ERRORS = "utf-8", "surrogatepass"


class StoredTexts(Sequence[str]):
    """Texts in an anonymous temporary file, in the order they were added in; each takes 8 bytes of memory."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="plainfilm-")  # noqa: SIM115 - it lives as long as this
        weakref.finalize(self, self._file.close)
        self._starts = array("q", [0])
        self._is_at_end = True

    def append(self, text: str) -> None:
        """Add a text."""
        if not self._is_at_end:
            self._file.seek(self._starts[-1])
            self._is_at_end = True
        self._starts.append(self._starts[-1] + self._file.write(text.encode(_ENCODING, _ERRORS)))

    def __len__(self) -> int:
        return len(self._starts) - 1

    @overload
    def __getitem__(self, row: int) -> str: ...

    @overload
    def __getitem__(self, row: slice) -> list[str]: ...

    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[one] for one in range(*row.indices(len(self)))]
        if not 0 <= row < len(self):
            raise IndexError(f"text {row} of {len(self)}")
        start, end = self._starts[row], self._starts[row + 1]
        self._file.seek(start)
        self._is_at_end = False
        return self._file.read(end - start).decode(_ENCODING, _ERRORS)
