"""Folders that one command fills, and goes on with when it is repeated after an interruption."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plainfilm.errors import DataError, UsageError
from plainfilm.io.files import flush, flush_tree, sweep_folder
from plainfilm.io.locks import is_taken, writing
from plainfilm.io.tables import as_json, read_json, write_json

MARK = ".unfinished.json"


@contextmanager
def filling(folder: Path, work: Mapping[str, Any]) -> Iterator[None]:
    """While open, nobody else writes to `folder`, which is new, empty, or was begun by the same `work`.

    Until the block ends well, the file `.unfinished.json` in it says which work was begun; then everything is
    flushed to the disk and the file removed. Who goes on makes every file anew, or knows which are whole.

    Raises:
        UsageError: the folder holds something else, or another process is writing there.
        DataError: it cannot be written.
    """
    with writing(folder):
        mark = folder / MARK
        check_fillable(folder, work)
        sweep_folder(folder, below=True)
        write_json(work, mark)
        yield
        # A worker of the command before, just interrupted, may have been alive until after the first time.
        sweep_folder(folder, below=True)
        flush_tree(folder)
        mark.unlink()
        flush(folder)


def check_fillable(folder: Path, work: Mapping[str, Any]) -> None:
    """Check, as `filling` does, that `folder` is new, empty, or was begun by the same `work`.

    Raises:
        UsageError: it holds something else.
    """
    mark = folder / MARK
    if not is_taken(folder):
        return
    if not mark.is_file():
        raise UsageError(
            f"{folder}: exists and is not an empty folder; choose another folder or remove it first"
        )
    try:
        begun = read_json(mark)
    except DataError:  # cut off by a loss of power
        begun = None
    if begun != as_json(work, mark):
        raise UsageError(
            f"{folder}: holds the unfinished work of another command ({_described(begun)}); repeat that one, "
            "choose another folder, or remove this one"
        )


def _described(work: Any) -> str:
    if not isinstance(work, dict):
        return "unknown"
    return ", ".join(f"{name} {value}" for name, value in work.items() if value not in (None, {}))
