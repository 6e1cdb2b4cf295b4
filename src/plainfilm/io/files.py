"""Writing files so that a reader sees the old file or the whole new one, also after a loss of power.

A file is written under a temporary name, flushed to the disk and renamed; then its folder is flushed. The
temporary name holds the process and the machine, by which the leftovers of dead processes are recognised.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

from plainfilm.errors import DataError
from plainfilm.io import object_storage
from plainfilm.io.object_storage import stored
from plainfilm.io.paths import open_file

_PART = re.compile(r"\..+\.(?P<process>\d+)@(?P<machine>.*)\.[^.]+\.part")
_BLOCK_BYTES = 1 << 20
_ATTEMPTS = 100


def sweep(path: Path) -> None:
    """Remove what killed processes of this machine left half-written beside `path`."""
    if stored(path) is not None:  # which shows nothing that is not whole
        return
    for part in path.parent.glob(f".{escape(path.name)}.*.part"):
        if _is_of_the_dead(part.name):
            part.unlink(missing_ok=True)


def sweep_folder(folder: Path, *, below: bool = False) -> None:
    """Remove what dead processes left half-written in `folder`, with `below` also in its subfolders.

    Only who has just taken the folder's lock may: so nobody writes there on another machine, or did under the
    number of this process.
    """
    if stored(folder) is not None:
        return
    for part in folder.rglob(".*.part") if below else folder.glob(".*.part"):
        if _is_of_the_dead(part.name, is_locked=True):
            part.unlink(missing_ok=True)


def _is_of_the_dead(name: str, is_locked: bool = False) -> bool:
    """Whether the process that a temporary name holds no longer writes."""
    match = _PART.fullmatch(name)
    if match is None:
        return False
    process, machine = int(match["process"]), match["machine"]
    if is_locked and (machine != platform.node() or process == os.getpid()):
        return True
    return not is_alive(process, machine)


def is_alive(process: int, machine: str) -> bool:
    """Whether a process may still run; of another machine's that is not known."""
    if machine != platform.node():
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


@contextmanager
def replacing(path: Path, *, flushed: bool = True) -> Iterator[Path]:
    """A temporary path beside `path` to write to; it takes the place of `path` when the block ends well.

    The folder is created where it is missing. After an error nothing is left behind and an older file at
    `path` is untouched. Without `flushed` the file may be lost with the power until `flush` is called for it
    and its folder, which is faster for many.

    Raises:
        DataError: the file cannot be written (no space, no permission, a file where a folder must be).
    """
    path = Path(path)
    if (place := stored(path)) is not None:
        with tempfile.TemporaryDirectory(prefix="plainfilm-") as folder:
            yield Path(folder) / (path.name or "file")
            object_storage.upload(Path(folder) / (path.name or "file"), place)
        return
    try:
        make_folder(path.parent)
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
        if flushed:
            move(temporary, path)
        else:
            temporary.replace(path)
    except OSError as error:
        raise _not_written(path, error) from None
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def folder_beside(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder`, on its disk, to be filled and renamed; what is left of it in the end is
    removed. So are those of killed processes; the caller holds the lock of `folder`.

    Raises:
        OSError: it cannot be made.
    """
    prefix = f".{folder.name}.part-"
    for left in folder.parent.glob(f"{escape(prefix)}*"):
        shutil.rmtree(left, ignore_errors=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=prefix))
    try:
        part.chmod(0o755)
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


def move(source: Path, target: Path) -> None:
    """Rename a file or folder; after a loss of power `target` is whole, old or new."""
    if stored(source) is not None:
        rename(source, target)
        return
    flush(source)
    source.replace(target)
    flush(target.parent)


def rename(source: Path, target: Path) -> None:
    """Give a file another name in the same folder; object storage copies it, whole, and removes the old."""
    one, other = stored(source), stored(target)
    if one is None or other is None:
        source.replace(target)
        return
    object_storage.copy(one, other)
    object_storage.remove(one)


def remove(path: Path) -> None:
    """Remove a file, if it is there."""
    place = stored(path)
    if place is None:
        path.unlink(missing_ok=True)
    else:
        object_storage.remove(place)


def remove_tree(folder: Path) -> None:
    """Remove a folder and everything below it, if it is there."""
    place = stored(folder)
    if place is None:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        object_storage.remove(place, folder=True)


def flush(path: Path) -> None:
    """Write a file, or the names in a folder, from the memory of the system to the disk."""
    if stored(path) is not None:
        return
    try:
        handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    except PermissionError:  # Windows opens no folders; a read-only file was not written just now
        return
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_tree(folder: Path) -> None:
    """`flush` of everything below `folder`, and of the folder."""
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            if not (Path(place) / name).is_symlink():
                flush(Path(place) / name)
        flush(Path(place))


def make_folder(folder: Path) -> list[Path]:
    """Make a folder and those above it that are missing; return the new ones, the deepest first.

    Object storage has no folders, only names.
    """
    if stored(folder) is not None:
        return []
    # A command that ends removes folders that it made and left empty, also while another makes them again.
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError, FileExistsError):
            return _make_on_disk(folder)
    return _make_on_disk(folder)


def _make_on_disk(folder: Path) -> list[Path]:
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for one in missing:
        flush(one.parent)
    return missing


def sha256_of(path: Path) -> str:
    """The SHA-256 digest of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open_file(path) as stream:
        while block := stream.read(_BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _not_written(path: Path, error: OSError) -> DataError:
    reason = error.strerror or str(error)
    return DataError(f"{path}: cannot be written ({reason}); make room or choose another folder")
