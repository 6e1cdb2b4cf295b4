"""DICOM files as streams that ask for no more than a film can need, whatever is in them."""

from __future__ import annotations

import io
import zlib
from typing import BinaryIO

from plainfilm.errors import ImageError
from plainfilm.io import limits

_SMALL = 1 << 16
_ITEMS = (b"\xfe\xff\x00\xe0", b"\xff\xfe\xe0\x00")
"""An item begins so, in little and in big endian."""
_DEFLATED, _EXPLICIT = b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.1\0\0\0"
_CHUNK = 1 << 20


def safe_stream(stream: BinaryIO) -> BoundedStream:
    """A DICOM file from its start, inflated where it is deflated (PS3.5 A.5).

    Raises:
        ImageError: it inflates beyond what a film can be; reading may raise it too.
    """
    stream.seek(0)
    head = stream.read(2048)
    if head[128:132] == b"DICM" and _DEFLATED in head:
        return BoundedStream(_inflated(stream, 144 + int.from_bytes(head[140:144], "little")))
    stream.seek(0)
    return BoundedStream(stream)


def _inflated(stream: BinaryIO, start: int) -> io.BytesIO:
    """The file with its dataset inflated, and a transfer syntax that says so."""
    if start > _CHUNK:
        raise ImageError(f"says that its meta information has {start:,} bytes; damaged, fetch the file again")
    stream.seek(0)
    whole = io.BytesIO()
    whole.write(stream.read(start).replace(_DEFLATED, _EXPLICIT))
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    while packed := stream.read(_CHUNK):
        while packed and not inflating.eof:
            whole.write(inflating.decompress(packed, _CHUNK))
            packed = inflating.unconsumed_tail
            if whole.tell() > limits.MOST_INFLATED:
                raise ImageError(f"inflates to more than {limits.MOST_INFLATED >> 20} MiB; refused as unsafe")
    whole.write(inflating.flush())
    if not inflating.eof:
        raise ImageError("ends in the middle of its deflated data, so it is truncated; fetch the file again")
    whole.seek(0)
    return whole


class BoundedStream:
    """A stream that reads no more than there is, and not for ever.

    A false length must not take gigabytes of memory, and neither must millions of empty items or elements: a
    parser makes an object of a kilobyte of each.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.seek, self.tell, self.close = stream.seek, stream.tell, stream.close
        place = stream.tell()
        self._size = stream.seek(0, io.SEEK_END)
        self._reads = 0
        stream.seek(place)

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes, or as many as there are.

        Raises:
            ImageError: there were too many reads, or what is read holds too many items.
        """
        self._reads += 1
        if self._reads > limits.MOST_ELEMENTS:
            raise ImageError(f"has more than {limits.MOST_ELEMENTS:,} elements; refused as unsafe")
        if size is not None and 0 <= size <= _SMALL:
            return self._stream.read(size)
        left = max(0, self._size - self._stream.tell())
        data = self._stream.read(left if size is None or size < 0 else min(size, left))
        if data[:4] in _ITEMS and data.count(data[:4]) > limits.MOST_ITEMS:
            raise ImageError(f"has a sequence of more than {limits.MOST_ITEMS:,} items; refused as unsafe")
        return data
