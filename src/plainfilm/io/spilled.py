"""A table whose rows are more than is wanted in memory: parts in temporary files until they are read."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
import pyarrow as pa

from plainfilm.io.scratch import TemporaryFiles, temporary_file_errors


class SpilledTable:
    """The rows of frames that are added one after another; a column that a frame lacks is missing in its
    rows."""

    def __init__(self) -> None:
        self._parts = TemporaryFiles()
        self._columns: dict[str, None] = {}

    def add(self, frame: pd.DataFrame) -> None:
        """Add the rows of a frame, whose index is dropped.

        Raises:
            DataError: there is no room for temporary files.
        """
        table, file = pa.Table.from_pandas(frame, preserve_index=False), self._parts.add()
        with temporary_file_errors():
            with pa.ipc.new_stream(file, table.schema) as writer:
                writer.write_table(table)
            file.flush()
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
