"""The stored values of a DICOM film, decoded by the fastest exact decoder of its transfer syntax.

What the header promises is held against what is there: the size a compressed picture has of its own, and
the number of bytes of an uncompressed one. A picture that is cut or sheared by a wrong header is refused.
"""

from __future__ import annotations

import importlib
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from plainfilm.errors import ImageError
from plainfilm.io.dicom.header import number

_FASTEST = {
    "1.2.840.10008.1.2.4.80": "pyjpegls",
    "1.2.840.10008.1.2.4.81": "pyjpegls",
    "1.2.840.10008.1.2.4.90": "pillow",
    "1.2.840.10008.1.2.4.91": "pillow",
}
"""pydicom's decoder by transfer syntax where another than its first is faster (JPEG-LS, JPEG 2000)."""
_LOSSY = {f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 81, 91)}
_EXTENDED = "1.2.840.10008.1.2.4.51"
_NATIVE_LITTLE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99")


@dataclass(frozen=True)
class StoredValues:
    """`words` (H, W) uint8 or uint16 as they lie in the file; the low `bits` of each are a grey value.

    With `signed` they are two's complement of that many bits. `lossy` values are near what they were.
    """

    words: NDArray[np.uint8] | NDArray[np.uint16]
    bits: int
    signed: bool
    lossy: bool

    def values(self) -> NDArray[np.int64]:
        """The grey value of each of the 2 ** `bits` low parts of a word, by that part."""
        low = np.arange(1 << self.bits, dtype=np.int64)
        return np.where(low >> (self.bits - 1), low - (1 << self.bits), low) if self.signed else low


def stored_values(dataset: Any) -> StoredValues:
    """The values of a film of one frame and one sample for each pixel (PS3.5 section 8.1.1).

    Raises:
        ImageError: the pixels are not what the header says. RuntimeError: no decoder can decode them.
    """
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    allocated, stored = (
        int(dataset.BitsAllocated),
        int(number(dataset, "BitsStored") or dataset.BitsAllocated),
    )
    signed = number(dataset, "PixelRepresentation") == 1
    if allocated not in (8, 16):
        raise ImageError(f"has {allocated} bits allocated for a pixel; films have 8 or 16")
    stored = stored if 0 < stored <= allocated else allocated
    lossy = syntax in _LOSSY or str(dataset.get("LossyImageCompression") or "") == "01"
    if not dataset.file_meta.TransferSyntaxUID.is_compressed or syntax in _NATIVE_LITTLE:
        return StoredValues(_native(dataset, syntax, allocated, stored), stored, signed, lossy)
    frame, precision = _frame(dataset)
    extended = syntax == _EXTENDED and precision == 12
    words = (
        _extended_12_bit(frame, dataset) if extended else _decode(dataset, allocated, _FASTEST.get(syntax))
    )
    # Lossy coding oversteps the range of the header, within that of the picture; 8 bits come as bytes.
    bits = min(stored if signed else max(stored, precision), 8 * words.itemsize)
    return StoredValues(words, bits, signed, lossy)


def _native(dataset: Any, syntax: str, allocated: int, stored: int) -> NDArray[Any]:
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    promised, there = rows * columns * allocated // 8, len(dataset.PixelData)
    if not promised <= there < promised + max(2, columns * allocated // 8):
        raise ImageError(
            f"holds {there:,} bytes of pixels where its header (Rows {rows}, Columns {columns}, "
            f"BitsAllocated {allocated}) promises {promised:,}; truncated, or the header is wrong"
        )
    if syntax in _NATIVE_LITTLE:
        words = np.frombuffer(dataset.PixelData, f"<u{allocated // 8}", rows * columns).reshape(rows, columns)
    else:
        words = _decode(dataset, allocated, None)
    # Before 2008 the values might lie higher than in the lowest bits.
    high = number(dataset, "HighBit")
    shift = int(high) + 1 - stored if high is not None and stored - 1 < high < allocated else 0
    return words >> shift if shift else words


def colour_samples(dataset: Any) -> NDArray[Any]:
    """RGB samples (H, W, 3), or indices (H, W) of a palette.

    Raises:
        ImageError: the compressed picture has another size. RuntimeError: no decoder can decode it.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_compressed and syntax not in _NATIVE_LITTLE:
        _frame(dataset)
    decoder = importlib.import_module("pydicom.pixels").get_decoder(syntax)
    return np.asarray(decoder.as_array(dataset, index=0)[0])


def _frame(dataset: Any) -> tuple[bytes, int]:
    """The one compressed picture and its bits, of the size that the header says."""
    frame = importlib.import_module("pydicom.encaps").get_frame(dataset.PixelData, 0, number_of_frames=1)
    size, precision = picture_size(frame)
    stated = (int(dataset.Columns), int(dataset.Rows))
    if size is not None and size != stated:
        raise ImageError(
            f"its header says {stated[0]} x {stated[1]}, its compressed picture is {size[0]} x {size[1]}"
        )
    # Every JPEG ends with this marker, which its data never hold. CharLS looks for it for half a minute.
    if size is not None and b"\xff\xd9" not in frame:
        raise ImageError("its compressed picture has no end, so it is truncated; fetch the file again")
    return frame, precision


def _decode(dataset: Any, allocated: int, plugin: str | None) -> NDArray[Any]:
    """The words (H, W) as a decoder of pydicom gives them, without the copies its own arrays cost."""
    decoder = importlib.import_module("pydicom.pixels").get_decoder(dataset.file_meta.TransferSyntaxUID)
    try:
        decoded, found = decoder.as_buffer(dataset, index=0, decoding_plugin=plugin or "")
    except (RuntimeError, ValueError):
        if not plugin:
            raise
        return _decode(dataset, allocated, None)  # what one decoder has no mode for another may read
    order = "<" if dataset.file_meta.TransferSyntaxUID.is_little_endian else ">"
    words = np.frombuffer(decoded, f"{order}u{found['bits_allocated'] // 8}", dataset.Rows * dataset.Columns)
    return words.astype(words.dtype.newbyteorder("="), copy=False).reshape(dataset.Rows, dataset.Columns)


def _extended_12_bit(frame: bytes, dataset: Any) -> NDArray[np.uint16]:
    """JPEG Extended of 12 bits, which GDCM decodes and pydicom does not ask it for."""
    gdcm = importlib.import_module("gdcm")
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    fragment, fragments = gdcm.Fragment(), gdcm.SequenceOfFragments.New()
    fragment.SetByteStringValue(frame)
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((columns, rows, 1))
    image.SetDataElement(element)
    grey = gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.MONOCHROME2)
    image.SetPhotometricInterpretation(grey)
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGExtendedProcess2_4))
    image.SetPixelFormat(gdcm.PixelFormat(1, 16, 12, 11, 0))
    decoded = image.GetBuffer().encode("utf-8", "surrogateescape")
    if len(decoded) != 2 * rows * columns:
        raise RuntimeError("GDCM decoded another number of pixels than the header says")
    return np.frombuffer(decoded, "<u2").reshape(rows, columns)


def picture_size(frame: bytes) -> tuple[tuple[int, int] | None, int]:
    """(width, height) and bits of a JPEG, JPEG-LS or JPEG 2000 picture by its own header.

    `None` and 0 where it has none that can be read (run-length encoding has none at all).
    """
    start = frame.find(b"\xff\x4f\xff\x51", 0, 1024)
    if start >= 0 and len(frame) >= start + 43:  # SIZ, ISO 15444-1 A.5.1
        right, lower, left, upper = struct.unpack_from(">4I", frame, start + 8)
        return (right - left, lower - upper), (frame[start + 42] & 0x7F) + 1
    return _jpeg_size(frame) if frame[:2] == b"\xff\xd8" else (None, 0)


def _jpeg_size(frame: bytes) -> tuple[tuple[int, int] | None, int]:
    place = 2
    while place + 9 <= len(frame) and frame[place] == 0xFF:
        marker, length = frame[place + 1], int.from_bytes(frame[place + 2 : place + 4], "big")
        # Start of frame: C0 to CF without the tables C4 (Huffman), C8, CC (arithmetic); F7 is JPEG-LS.
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            precision, height, width = struct.unpack_from(">BHH", frame, place + 4)
            return (width, height), precision
        place += 1 if marker == 0xFF else 2 + length
    return None, 0
