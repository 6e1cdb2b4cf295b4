"""What the command line has of the operating system: its standard streams, and words for its errors."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, TextIO

_WAYS_OUT = {
    errno.ENOSPC: "the disk is full; free some space and repeat the command",
    errno.EDQUOT: "the disk quota is used up; free some space and repeat the command",
    errno.EACCES: "choose another folder or change its permissions",
    errno.EPERM: "choose another folder or change its permissions",
    errno.EROFS: "choose another folder or change its permissions",
    errno.ENOENT: "no such file or folder",
    errno.ENOTDIR: "a file is where a folder belongs; choose another path",
    errno.EISDIR: "a folder is where a file belongs; choose another path",
    errno.EEXIST: "choose another path",
    errno.ENAMETOOLONG: "give a shorter path (is this a text where a path belongs?)",
    errno.ELOOP: "its links lead in a circle; mend them",
    errno.EMFILE: "raise the limit (ulimit -n), or use fewer --workers",
    errno.ENFILE: "raise the limit of the system, or use fewer --workers",
    errno.ENOMEM: "use fewer --workers or smaller batches",
    errno.EIO: "the disk or its connection fails; copy the file from elsewhere",
    errno.ESTALE: "the network drive was lost; mount it again",
}


def os_message(error: OSError) -> str:
    """The line for an error of the operating system: file, reason, way out.

    >>> os_message(OSError(errno.ENOTDIR, "Not a directory", "out/x"))
    'out/x: Not a directory (ENOTDIR): a file is where a folder belongs; choose another path'
    """
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
    place = f"{' -> '.join(map(shortened, names))}: " if names else ""
    if error.errno is None:
        return f"{place}{error}"
    name = errno.errorcode.get(error.errno, f"errno {error.errno}")
    reason = f"{error.strerror or os.strerror(error.errno)} ({name})"
    way_out = _WAYS_OUT.get(error.errno)
    return f"{place}{reason}" + (f": {way_out}" if way_out else "")


def shortened(path: str) -> str:
    """`path` with its ends only, where it is too long to be read."""
    return path if len(path) <= 300 else f"{path[:200]}...{path[-60:]}"


def standard_streams() -> None:
    """Make sure that the three standard streams exist and take every character.

    A stream that the caller closed becomes the null device: without it, the next file that is opened would
    get its number, and what a library prints there would end up in the file. Characters that the encoding of
    standard output lacks are replaced.
    """
    for number in range(3):
        with contextlib.suppress(OSError):
            _occupy(number)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdout, sys.stderr):
        reconfigure: Any = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace" if stream is sys.stdout else "backslashreplace")


def _occupy(number: int) -> None:
    try:
        mode = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, which is this one
        return
    if number > 0 and mode == os.O_RDONLY:  # of a script: its interpreter read it through the free number
        _redirect(number)


def flush_output() -> None:
    """Write out what is buffered for standard output, so that trouble shows now and not at exit.

    Raises:
        OSError: standard output takes no more; the error names it.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, "standard output") from None


def tell_launcher(line: str) -> None:
    """Write why this process fails to the file that torchrun reads for the report that it ends in
    (https://docs.pytorch.org/docs/stable/elastic/errors.html)."""
    file = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if file:
        with contextlib.suppress(OSError):
            Path(file).write_text(json.dumps({"message": line, "timestamp": int(time.time())}), "utf-8")


def discard_output() -> None:
    """Drop what standard output or error cannot take, which Python would try again, and report, at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            _to_nowhere(stream)


def _to_nowhere(stream: TextIO) -> None:
    with contextlib.suppress(OSError, ValueError):
        _redirect(stream.fileno())


def _redirect(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, number)
    os.close(nowhere)
