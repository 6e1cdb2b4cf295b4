"""Look-up tables of DICOM: modality, VOI and palette, in every form that their elements take.

Entries are unsigned whatever the value representation says (PS3.3 C.11.1.1.2): US, SS and OW hold the same
words. Entries of 8 bits lie one in a word or two, the first in the lower half.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class LookupTable:
    """`entries[i]` is what `first + i` becomes, 0 to 2 ** `bits` - 1; values outside get the nearest one."""

    first: int
    entries: NDArray[np.int64]
    bits: int

    def __call__(self, values: NDArray[Any]) -> NDArray[np.int64]:
        """`values` through the table.

        The first value is stored in 16 bits and its sign depends on that of the values, which files get
        wrong: it is taken modulo 65,536 where it could not be among `values`.
        """
        first, whole = self.first, np.rint(values).astype(np.int64)
        low, high = int(whole.min()), int(whole.max())
        if low >= 0 > first and first + 65536 <= high:
            first += 65536
        elif low < 0 and first > high and first - 65536 >= low:
            first -= 65536
        return self.entries[np.clip(whole - first, 0, len(self.entries) - 1)]


def lookup_table(descriptor: Any, data: Any, dataset: Any) -> LookupTable | None:
    """The table of a LUT Descriptor and LUT Data of any value representation; `None` where there is none.

    `dataset` is the file's, whose byte order counts. The bits are those that the descriptor promises, unless
    the entries have more, or much fewer: by the letter, such a film would be white or black.
    """
    words, stated = _words(data, dataset), _words(descriptor, dataset)
    if not len(words) or len(stated) < 3:
        return None
    count, promised = int(stated[0]) & 0xFFFF or 65536, int(stated[2]) & 0xFFFF
    first = int(stated[1]) if not isinstance(descriptor, bytes) else int(stated[1].astype(np.int16))
    entries = (words & 0xFFFF).astype(np.int64)
    is_packed = len(entries) < count and len(entries) == (count + 1) // 2
    if is_packed and (promised <= 8 or isinstance(data, bytes)):
        entries = np.stack([entries & 0xFF, entries >> 8], axis=1).reshape(-1)
    entries = entries[:count]
    needed = max(1, int(entries.max()).bit_length())
    return LookupTable(first, entries, promised if needed <= promised <= needed + 1 else needed)


def _words(value: Any, dataset: Any) -> NDArray[Any]:
    """The words of 16 bits of an element."""
    if isinstance(value, bytes):
        order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
        return np.frombuffer(value[: len(value) // 2 * 2], f"{order}u2").astype(np.int64)
    if value is None or isinstance(value, str):
        return np.zeros(0, np.int64)
    return np.atleast_1d(np.asarray(value, np.int64))
