"""Kills a command before every operation on files below a folder, and lets it be repeated.

    python kills.py CONFIGURATION.json

The configuration has `start` (a folder that every trial gets a copy of, or null), `out` (the folder that the
command writes), `command`, `again` (the command that is to go on), `compared` (patterns of files that must be
the same in the end), `is_collection` (whether `out` is opened after the kill) and perhaps `every` (only each
n-th operation is tried). The operations are those that Python audits: opening for writing, renaming, removing
and making folders; and `fsync`. Each trial is a fork of this process, which first imports what the whole run
has imported. Prints a JSON line per kill.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from plainfilm.cli import main
from plainfilm.collection import Collection
from plainfilm.errors import PlainfilmError

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink")


class Operations:
    """Counts the operations of this process on files below a folder, and kills it before number `last`."""

    def __init__(self, folder: Path, last: int | None) -> None:
        self.count, self._last, self._folder = 0, last, str(folder)
        sys.addaudithook(self._hear)
        fsync = os.fsync

        def counted(handle: int) -> None:
            self._step()
            fsync(handle)

        os.fsync = counted

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and not (isinstance(arguments[2], int) and arguments[2] & _WRITING):
            return
        if event not in ("open", *_CHANGES):
            return
        path = arguments[0]
        if isinstance(path, str | os.PathLike) and str(path).startswith(self._folder):
            self._step()

    def _step(self) -> None:
        if self.count == self._last:
            os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1


def run(command: list[str], out: Path, last: int | None) -> tuple[int, dict[str, Any]]:
    """The wait status of the command in a fork, and if it lived its `operations` and the `modules` that it
    imported, in their order."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        silent = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(silent, stream)
        operations = Operations(out, last)
        status = main.run(command)
        with os.fdopen(writer, "w") as stream:
            json.dump({"operations": operations.count, "modules": list(sys.modules)}, stream)
        os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as stream:
        said = stream.read()
    return os.waitpid(child, 0)[1], json.loads(said) if said else {}


def warm(modules: list[str]) -> None:
    """Import modules, so that no fork has to; those that cannot be are left to who needs them."""
    for name in modules:
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def digests(folder: Path, compared: list[str]) -> dict[str, str]:
    """The digest of every file that one of the patterns `compared` fits."""
    files = {path for pattern in compared for path in folder.glob(pattern) if path.is_file()}
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(files)
    }


def names(folder: Path) -> set[str]:
    """The files in `folder` and below, and those that a killed command may leave beside it."""
    beside = folder.parent.glob(f".{folder.name}.*")
    return {path.relative_to(folder.parent).as_posix() for path in (*folder.rglob("*"), *beside)}


def opened(folder: Path) -> str:
    """The fingerprint of the collection in `folder` after all of its tables were read, or why it is none."""
    try:
        collection = Collection.open(folder)
        for table in collection.meta["tables"]:
            collection.table(table)
    except PlainfilmError as error:
        return str(error)
    return collection.fingerprint


def say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def trials(settings: dict[str, Any]) -> None:
    out, start = Path(settings["out"]), settings["start"]

    def fresh() -> None:
        shutil.rmtree(out, ignore_errors=True)
        if start is not None:
            shutil.copytree(start, out)

    for _ in range(2):  # the first run may leave a cache beside its input, which the others find there
        fresh()
        status, lived = run(settings["command"], out, None)
        warm(lived.get("modules", []))
    whole, count = digests(out, settings["compared"]), lived.get("operations", 0)
    right = names(out)
    say({"status": status, "operations": count, "files": len(whole)})
    for last in range(0, count, settings.get("every", 1)):
        fresh()
        killed, _ = run(settings["command"], out, last)
        between = opened(out) if settings["is_collection"] else None
        repeated, _ = run(settings["again"], out, None)
        after = digests(out, settings["compared"])
        line = {
            "kill": last,
            "killed": os.WIFSIGNALED(killed),
            "between": between,
            "status": os.waitstatus_to_exitcode(repeated),
            "differs": sorted({*whole.items()} ^ {*after.items()}),
            "left": sorted(right ^ names(out)),
        }
        say(line)


if __name__ == "__main__":
    trials(json.loads(Path(sys.argv[1]).read_text()))
