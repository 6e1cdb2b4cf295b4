"""Uncompressed pixels: how many bytes there must be, and the words they make."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.errors import ImageError
from plainfilm.io.dicom.bit_depth import Words
from plainfilm.io.dicom.header import number
from plainfilm.io.dicom.pixel_header import RGB, SUBSAMPLED, YCBCR, PixelHeader

_WIDTHS = (8, 16, 32)


def samples_there(header: PixelHeader, there: int) -> int:
    """How many samples a pixel has by the bytes `there`: 1, 3, or 2 where chroma is subsampled; 0 for none.

    Bytes decide what headers confuse, such as one sample called RGB. A row too many is one that somebody cut
    off in the header only.
    """
    one = header.height * header.width * header.allocated // 8
    if not one or header.allocated not in _WIDTHS:
        return 0
    is_colour = header.samples == 3 or header.photometric in (*RGB, *YCBCR)
    if is_colour and header.allocated <= 16 and 3 * one <= there <= 3 * one + 2:
        return 3
    pairs = header.height * -(-header.width // 2) * 4
    if header.photometric in SUBSAMPLED and header.allocated == 8 and pairs <= there <= pairs + 2:
        return 2
    return 1 if one <= there < one + max(2, header.width * header.allocated // 8) else 0


def other_bytes(dataset: Any, header: PixelHeader, there: int) -> ImageError:
    """Why `there` are not the bytes of one film."""
    frames = number(dataset, "NumberOfFrames") or 1
    if frames > 1:
        return ImageError(f"has {frames:.0f} frames; a film has one, split the file")
    if header.height < 1 or header.width < 1:
        return ImageError(f"its header says {header.width} x {header.height} pixels")
    if header.allocated not in _WIDTHS:
        return ImageError(f"has {header.allocated} bits allocated for a pixel; films have 8, 16 or 32")
    promised = header.height * header.width * header.allocated // 8 * header.samples
    return ImageError(
        f"holds {there:,} bytes of pixels where its header (Rows {header.height}, Columns {header.width}, "
        f"BitsAllocated {header.allocated}) promises {promised:,}; truncated, or the header is wrong"
    )


def words_of(header: PixelHeader, data: bytes, representation: str) -> Words:
    """The words of 8 or 16 bits in `data`, as this machine has them.

    In big endian files, words of 16 bits are swapped, and so are bytes that lie in such words (OW).
    """
    even = data if len(data) % 2 == 0 else data[:-1]
    if header.allocated == 8:
        if header.is_little_endian or representation != "OW":
            return np.frombuffer(data, np.uint8)
        return np.frombuffer(even, np.uint16).byteswap().view(np.uint8)
    if header.is_little_endian:
        return np.frombuffer(even, "<u2")
    return np.frombuffer(even, ">u2").astype(np.uint16)


def wide_values(header: PixelHeader, data: bytes) -> NDArray[Any]:
    """The values (H, W) of 32 bits in `data`."""
    kind = ("<" if header.is_little_endian else ">") + ("i4" if header.signed else "u4")
    return _shaped(np.frombuffer(data, kind, header.height * header.width), header)


def floating_values(header: PixelHeader, data: bytes, kind: str) -> NDArray[Any]:
    """The values (H, W) in `data` of FloatPixelData (`kind` f4) or DoubleFloatPixelData (f8).

    Raises:
        ImageError: there are more or fewer than the header says.
    """
    promised = header.height * header.width * int(kind[1])
    if not promised or len(data) != promised:
        raise ImageError(f"holds {len(data):,} bytes of pixels where its header promises {promised:,}")
    return _shaped(np.frombuffer(data, ("<" if header.is_little_endian else ">") + kind), header)


def _shaped(values: NDArray[Any], header: PixelHeader) -> NDArray[Any]:
    return values.astype(values.dtype.newbyteorder("=")).reshape(header.height, header.width)
