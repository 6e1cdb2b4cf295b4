"""One writer at a time: a lock on a folder or file that ends with its process, however that ends.

The lock of a folder is the file `.plainfilm.lock` in it, that of a file lies beside it. The system's `flock`
holds it (`filelock`), also over NFS, so the file alone means nothing; it says who holds the lock. Its holder
removes it, and a folder that was made for it too if nothing else came into it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from plainfilm.errors import DataError, UsageError
from plainfilm.io import paths
from plainfilm.io.files import is_alive, make_folder, sweep, sweep_folder
from plainfilm.io.object_storage import stored

LOCK = ".plainfilm.lock"
_ATTEMPTS, _PAUSE_S = 20, 0.02
"""A lock that is being removed, or whose holder is not written yet, is looked at again."""

_HELD: dict[Path, int] = {}
"""The locks of this process and the threads that hold them."""


@contextmanager
def writing(folder: Path | str) -> Iterator[None]:
    """While open, nobody else writes to `folder`, which is made where it is missing.

    What dead processes left half-written in it is removed. The thread that holds the lock may take it again.

    Raises:
        UsageError: another process, or thread, is writing there.
        DataError: the folder cannot be written, or its file system has no locks.
    """
    folder = _on_disk(Path(folder))
    if _is_held(folder / LOCK):
        yield
        return
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; choose another folder")
    with _made(folder), _locked(folder / LOCK, folder):
        sweep_folder(folder)
        yield


@contextmanager
def writing_file(path: Path | str | None, *, new: bool = False) -> Iterator[None]:
    """While open, nobody else writes the file `path`; `None` is no file.

    Raises:
        UsageError: another process, or thread, is writing it; or, with `new`, it exists.
        DataError: its folder cannot be written, or the file system has no locks.
    """
    if path is None:
        yield
        return
    given, path = Path(path), _on_disk(Path(path))
    lock = path.with_name(f".{path.name}.lock")
    if _is_held(lock):
        yield
        return
    with _made(path.parent), _locked(lock, path):
        if new and paths.exists(given):
            raise UsageError(f"{given}: exists already; remove it or choose another name")
        sweep(path)
        yield


def _on_disk(path: Path) -> Path:
    """The path, absolute; for one in object storage, which has no locks, a folder of this machine.

    So two commands of one machine do not write there at once; those of several machines are not told apart.
    """
    if stored(path) is None:
        return path.absolute()
    digest = hashlib.sha256(path.as_posix().encode("utf-8", "surrogatepass")).hexdigest()
    owner = os.getuid() if hasattr(os, "getuid") else "user"
    return Path(tempfile.gettempdir()) / f"plainfilm-locks-{owner}" / digest[:32]


def is_taken(folder: Path) -> bool:
    """Whether a folder, which need not be there, holds anything besides a lock."""
    return paths.is_folder(folder) and any(name != LOCK for name in paths.names_in(folder))


def _is_held(lock: Path) -> bool:
    return _HELD.get(_resolved(lock)) == threading.get_ident()


def _resolved(lock: Path) -> Path:
    return lock.parent.resolve() / lock.name


@contextmanager
def _made(folder: Path) -> Iterator[None]:
    """Makes a folder, and removes what was made and is still empty."""
    try:
        made = make_folder(folder)
    except OSError as error:
        raise _not_lockable(folder, error) from None
    try:
        yield
    finally:
        for one in made:
            with contextlib.suppress(OSError):  # not empty
                one.rmdir()


@contextmanager
def _locked(lock: Path, what: Path) -> Iterator[None]:
    from filelock import FileLock

    place, held = _resolved(lock), FileLock(lock, timeout=0, thread_local=False)
    _acquire(held, lock, what)
    _HELD[place] = threading.get_ident()
    try:
        yield
    finally:
        del _HELD[place]
        # Removed while it is held: whoever opened it before sees that it has lost its name, and opens anew.
        with contextlib.suppress(OSError):
            lock.unlink()
        held.release()


def _acquire(held: Any, lock: Path, what: Path) -> None:
    from filelock import Timeout

    for attempt in range(_ATTEMPTS):
        try:
            held.acquire()
        except Timeout:
            holder = _holder(lock)
            # Right after a kill the next holder has not signed yet.
            is_known = bool(holder) and is_alive(holder["process"], holder["host"])
            if is_known or attempt == _ATTEMPTS - 1:
                raise _in_use(what, holder) from None
        except (FileNotFoundError, FileExistsError):  # the folder was removed by who made it
            make_folder(lock.parent)
        except OSError as error:
            raise _not_lockable(what, error) from None
        else:
            _sign(lock)
            return
        time.sleep(_PAUSE_S)
    raise _in_use(what, {})


def _sign(lock: Path) -> None:
    """Writes who holds the lock, without truncating the file first: it is never seen empty again."""
    facts = {
        "process": os.getpid(),
        "host": platform.node(),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
        "command": Path(sys.argv[0]).name,
    }
    with contextlib.suppress(OSError), lock.open("r+", encoding="utf-8") as stream:
        stream.truncate(stream.write(json.dumps(facts)))


def _holder(lock: Path) -> dict[str, Any]:
    try:
        facts = json.loads(lock.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) and facts.keys() >= {"process", "host", "since"} else {}


def _in_use(what: Path, holder: dict[str, Any]) -> UsageError:
    who = "another process"
    if holder:
        who = f"process {holder['process']} on {holder['host']} since {holder['since']}"
    return UsageError(
        f"{what}: is being written by {who}; wait until that has ended, then repeat the command"
    )


def _not_lockable(what: Path, error: OSError) -> DataError:
    reason = error.strerror or str(error)
    return DataError(f"{what}: cannot be written ({reason}); choose another folder or change its permissions")
