"""Arrays in numpy's format, read without believing what their header says of their size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.errors import DataError


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
