"""A table whose rows are more than is wanted in memory: parts in temporary files until they are read."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator
from typing import BinaryIO

import pandas as pd
import pyarrow as pa

from plainfilm.errors import DataError


class SpilledTable:
    """The rows of frames that are added one after another; a column that a frame lacks is missing in its
    rows. The files have no names, and are gone with the table or its process."""

    def __init__(self) -> None:
        self._parts: list[BinaryIO] = []
        weakref.finalize(self, _close, self._parts)
        self._columns: dict[str, None] = {}

    def add(self, frame: pd.DataFrame) -> None:
        """Add the rows of a frame, whose index is dropped.

        Raises:
            DataError: there is no room for temporary files.
        """
        table = pa.Table.from_pandas(frame, preserve_index=False)
        try:
            file = tempfile.TemporaryFile(prefix="plainfilm-")  # noqa: SIM115, it is read later
            with pa.ipc.new_stream(file, table.schema) as writer:
                writer.write_table(table)
            file.flush()
        except OSError as error:
            raise DataError(
                f"temporary files cannot be written ({error.strerror or error}); free some space, or set "
                "TMPDIR to another folder"
            ) from None
        self._parts.append(file)
        self._columns |= dict.fromkeys(frame.columns)

    def frames(self) -> Iterator[pd.DataFrame]:
        """The frames with the columns of all, one of them in memory at a time."""
        for file in self._parts:
            file.seek(0)
            with pa.ipc.open_stream(file) as reader:
                yield reader.read_pandas().reindex(columns=[*self._columns])

    def frame(self) -> pd.DataFrame:
        """All rows."""
        return pd.concat(self.frames(), ignore_index=True)


def _close(parts: list[BinaryIO]) -> None:
    for file in parts:
        file.close()
