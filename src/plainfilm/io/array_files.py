"""Arrays by name from an `.npz` file of numpy; nothing in it is run.

Such a file is a zip of `.npy` members. What is refused before anything is read: objects (a pickle), members
that are compressed, and members that claim more than the file holds, as both could fill the memory.
"""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.errors import ModelError

_MEMBER = ".npy"


def is_array_file(path: Path) -> bool:
    """Whether `path` is a zip of arrays and nothing else."""
    if not path.is_file() or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as container:
            names = container.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):
        return False
    return bool(names) and all(name.endswith(_MEMBER) for name in names)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of the `.npz` file at `path`, by name.

    Raises:
        ModelError: damaged, compressed, or not of plain numbers.
    """
    try:
        with zipfile.ZipFile(path) as container:
            problem = _problem_of(container, path.stat().st_size)
        if problem is not None:
            raise ModelError(f"{path}: {problem}")
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: np.asarray(stored[name]) for name in stored.files}
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, MemoryError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ModelError(f"{path}: damaged, or not arrays of plain numbers ({reason})") from None
    odd = next((name for name, array in arrays.items() if array.dtype.kind not in "fiub"), None)
    if odd is not None:
        raise ModelError(f"{path}: array '{odd}' is of {arrays[odd].dtype}, not of plain numbers")
    return arrays


def _problem_of(container: zipfile.ZipFile, size: int) -> str | None:
    members = container.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        return "its members are compressed, which numpy.savez never does; save it again with numpy.savez"
    if sum(member.file_size for member in members) > size:
        return "claims to hold more than its size; it is not opened"
    damaged = container.testzip()
    return None if damaged is None else f"damaged (checksum of '{damaged}'); fetch or copy it again"
