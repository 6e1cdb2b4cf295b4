"""Writing files so that a reader sees the old file or the whole new one, never a part."""

from __future__ import annotations

import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plainfilm.errors import DataError


def sweep(path: Path) -> None:
    """Removes what killed processes of this machine left half-written beside `path`."""
    for part in path.parent.glob(f".{path.name}.*@{platform.node()}.*.part"):
        owner = part.name.removeprefix(f".{path.name}.").partition("@")[0]
        if owner.isdigit() and not _is_alive(int(owner)):
            part.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes the place of `path` when the block ends well.

    The folder is created where it is missing. After an error nothing is left behind and an older file at
    `path` is untouched.

    Raises:
        DataError: the file cannot be written (no space, no permission, a file where a folder must be).
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f".{path.name}.{os.getpid()}@{platform.node()}.", suffix=".part"
        )
        os.close(handle)
    except OSError as error:
        raise _not_written(path, error) from None
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        raise _not_written(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)


def _not_written(path: Path, error: OSError) -> DataError:
    reason = error.strerror or str(error)
    return DataError(f"{path}: cannot be written ({reason}); make room or choose another folder")
