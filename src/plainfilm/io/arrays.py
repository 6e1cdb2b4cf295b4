"""Arrays in numpy's format, read without believing what their header says of their size."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.errors import DataError

KEPT_BYTES = 1 << 30
"""Pages of smaller mapped arrays are kept, so that reading them again costs nothing."""


def read_array(path: Path, dtype: Any, dimensions: int) -> NDArray[Any]:
    """The array in a `.npy` file, memory-mapped: nothing of the size that its header claims is allocated.

    Raises:
        DataError: no such file, damaged, objects, or an array of another type or number of dimensions.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except Exception as error:  # numpy reads the header as a Python literal and lets anything through
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: damaged ({reason})") from None
    if not isinstance(array, np.ndarray) or array.dtype != np.dtype(dtype) or array.ndim != dimensions:
        raise DataError(f"{path}: damaged (not an array of {np.dtype(dtype)} in {dimensions} dimensions)")
    return array


def release(array: NDArray[Any]) -> None:
    """Leave the pages of a large memory-mapped array to the system, which may have mapped all that was read.

    The memory of the process then does not grow with the file. Nothing is lost: pages are read again when
    they are needed, from memory as long as the system has them there. Other arrays are left alone.
    """
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, mmap.mmap) and len(base) > KEPT_BYTES and hasattr(mmap, "MADV_DONTNEED"):
        base.madvise(mmap.MADV_DONTNEED)
