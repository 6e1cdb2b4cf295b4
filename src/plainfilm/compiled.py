"""Numba's compiler, where it pays off, with a place for what it compiled wherever Plainfilm is installed.

Numba keeps compiled functions beside their source or in the user's cache, and refuses to compile where it can
write to neither, as in a container with a read-only installation and no home. There a private folder for
temporary files takes them, and without one they are compiled at every start.
"""

from __future__ import annotations

import functools
import itertools
import os
import stat
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

_FEW = 100
_calls = itertools.count()

_HAS_HOME = bool(os.environ.get("NUMBA_CACHE_DIR")) or os.path.isabs(os.path.expanduser("~"))  # noqa: PTH111, PTH117
"""Without one, numba would make a folder called "~" wherever the command is run."""


def pays_off() -> bool:
    """Whether to take the compiled form of a function that NumPy computes as well, to the same bits.

    Numba takes two seconds to import, as long as NumPy takes for some hundred calls: it pays off where it is
    imported already, and after that many calls in this process.
    """
    return "numba" in sys.modules or next(_calls) >= _FEW


def njit(signatures: Any = None, **options: Any) -> Any:
    """`numba.njit` with its cache on; a function, or a decorator with `signatures` and `options`."""
    if callable(signatures) and not options:
        return _compiled(signatures, None, {})
    return lambda function: _compiled(function, signatures, options)


def _compiled(function: Callable[..., Any], signatures: Any, options: dict[str, Any]) -> Any:
    made = _cached(function, signatures, options)
    return _with_torch_s_threads(made) if options.get("parallel") else made


def _with_torch_s_threads(function: Callable[..., Any]) -> Callable[..., Any]:
    """Leaves torch the number of threads that it has: numba's first parallel call sets OpenMP's for all of
    the process, to that of the cores, and with another number a training gets other last digits."""

    @functools.wraps(function)
    def call(*given: Any) -> Any:
        torch = sys.modules.get("torch")
        threads = torch.get_num_threads() if torch is not None else 0
        try:
            return function(*given)
        finally:
            if torch is not None and torch.get_num_threads() != threads:
                torch.set_num_threads(threads)

    return call


def _cached(function: Callable[..., Any], signatures: Any, options: dict[str, Any]) -> Any:
    import numba
    from numba.core import config

    try:
        if _HAS_HOME:
            return numba.njit(signatures, cache=True, **options)(function)
    except RuntimeError as error:
        if "no locator available" not in str(error):
            raise
    folder = _private_folder()
    if folder is None:
        return numba.njit(signatures, cache=False, **options)(function)
    settings: Any = config
    settings.CACHE_DIR = str(folder)
    os.environ["NUMBA_CACHE_DIR"] = str(folder)  # numba reads it again whenever the environment changes
    return numba.njit(signatures, cache=True, **options)(function)


def _private_folder() -> Path | None:
    """A folder that nobody else can write to: what lies in it is run."""
    try:
        folder = Path(tempfile.gettempdir()) / f"plainfilm-compiled-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
        is_private = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
        with tempfile.TemporaryFile(dir=folder):
            return folder if is_private and not found.st_mode & 0o077 else None
    except OSError:
        return None
