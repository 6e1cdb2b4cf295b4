"""What happens before something is downloaded from the Hugging Face hub: it is announced, or refused.

And what is said of files of this machine that a library cannot read.

The libraries that download retry for most of a minute when there is no network; one short look first
gives the answer at once.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from plainfilm.errors import ModelError
from plainfilm.io.optional import optional_import

logger = logging.getLogger(__name__)

_SECONDS = 5.0
_POINTER = b"version https://git-lfs"


_is_local_only: ContextVar[bool] = ContextVar("is_local_only", default=False)


@contextmanager
def local_only() -> Iterator[None]:
    """While open, nothing is downloaded, and the hub's library asks the network for nothing.

    By itself it asks for newer versions even of files that it has.
    """
    from huggingface_hub import constants

    settings: Any = constants
    before, token = settings.HF_HUB_OFFLINE, _is_local_only.set(True)
    settings.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        settings.HF_HUB_OFFLINE = before
        _is_local_only.reset(token)


def before_download(what: str, *, offline: bool) -> None:
    """Say that `what` is about to be downloaded.

    Raises:
        ModelError: `offline`, inside `local_only`, or the hub does not answer.
    """
    if offline or _is_local_only.get():
        raise not_here(what, "offline is set" if offline else "a model folder has all that it needs")
    problem = _unreachable()
    if problem is not None:
        raise not_here(what, problem)
    logger.warning("%s is not on this machine: downloading it", what)


def not_here(what: str, problem: str) -> ModelError:
    """The error for something that cannot be had, with the way out."""
    reason = problem.strip().splitlines()[0].rstrip(".") if problem.strip() else "no reason given"
    return ModelError(
        f"{what} is not on this machine and cannot be downloaded ({reason}): run once with a network so "
        "that it is kept, or copy its files here and name their path instead"
    )


def unreadable(
    what: str,
    error: BaseException,
    folder: Path | None = None,
    problem: str = "its files are damaged or do not belong together",
) -> ModelError:
    """The error for files of this machine that a library cannot read, with the way out.

    `folder` is where they lie; without one they are what the hub's cache keeps.
    """
    pointer = _pointer_in(folder)
    if pointer is not None:
        return ModelError(
            f"{what}: '{pointer.name}' is not the file but what git keeps in its place (git-lfs): fetch it "
            "with `git lfs pull`, or copy it again"
        )
    lines = str(error).strip().splitlines()
    reason = lines[0].rstrip(".")[:200] if lines else type(error).__name__
    way_out = "copy them again" if folder is not None else "delete them from the hub's cache and run again"
    return ModelError(f"{what}: {problem} ({reason}); {way_out}")


def _pointer_in(folder: Path | None) -> Path | None:
    """A file of `folder` that is a pointer of git-lfs."""
    if folder is None:
        return None
    files = [folder] if folder.is_file() else sorted(path for path in folder.iterdir() if path.is_file())
    return next((path for path in files if _starts_with(path, _POINTER)), None)


def _starts_with(path: Path, start: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(start)) == start


def transformers_library(purpose: str) -> Any:
    """The package transformers, which an extra of the same name installs.

    Raises:
        MissingDependency: it is not installed; `purpose` begins the message, which says how to install it.
    """
    return optional_import("transformers", "transformers", purpose)


@contextmanager
def quietly(library: Any) -> Iterator[None]:
    """No progress bar and no table of unused tensors while the `library`, the package transformers, reads
    weights of this machine."""
    log = library.utils.logging
    shown, level = log.is_progress_bar_enabled(), log.get_verbosity()
    log.disable_progress_bar()
    log.set_verbosity_error()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if shown:
            log.enable_progress_bar()


def _unreachable() -> str | None:
    address = urlsplit(os.environ.get("HF_ENDPOINT", "https://huggingface.co"))
    if getproxies() or address.hostname is None:
        return None  # a proxy answers for the hub; asking the hub itself would prove nothing
    port = address.port or (80 if address.scheme == "http" else 443)
    try:
        socket.create_connection((address.hostname, port), timeout=_SECONDS).close()
    except OSError as error:
        return f"{address.hostname} does not answer: {error.strerror or error}"
    return None
