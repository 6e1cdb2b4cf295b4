"""What a compressed picture says of itself: its codec, size, samples, bits and colours; and where it lies.

The header of a DICOM file says the same things a second time and is often wrong, because a toolkit changed
the one and not the other. The picture cannot be decoded but by its own account, so that account is believed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum

from plainfilm.errors import ImageError

_ITEM = b"\xfe\xff\x00\xe0"
_JPEG, JPEG_2000, _JP2 = b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  "
_END = b"\xff\xd9"
_RLE_HEADER = 64
_SPACES = {16: False, 18: True}
"""Whether the enumerated colour spaces sRGB and sYCC of a JP2 file are luma and chroma."""


class Codec(StrEnum):
    """How a picture is compressed."""

    JPEG = "JPEG"
    JPEG_12_BIT = "JPEG of 12 bits"
    JPEG_LOSSLESS = "lossless JPEG"
    JPEG_LS = "JPEG-LS"
    JPEG_2000 = "JPEG 2000"
    RLE = "run-length encoding"


@dataclass(frozen=True)
class Picture:
    """A compressed picture by its own header.

    `samples` are those of a pixel, `bits` those of a sample. `signed` samples (JPEG 2000 only) are below
    zero too. `is_ycbcr` says whether three samples are luma and chroma (`True`) or red, green and blue, as a
    decoder gives them; `None` where the picture does not say. `is_lossy` is what its coding is.
    """

    codec: Codec
    width: int
    height: int
    samples: int = 1
    bits: int = 8
    signed: bool = False
    is_ycbcr: bool | None = None
    is_lossy: bool = False


def is_encapsulated(data: bytes) -> bool:
    """Whether pixel data are compressed pictures and no plain values, whatever the header says."""
    return data[:4] == _ITEM or _begins_picture(data)


def frame_of(data: bytes) -> bytes:
    """The one compressed picture in pixel data (PS3.5 A.4): all fragments are parts of it.

    Offset tables are not needed for one frame; many are wrong, as with an entry for each fragment.

    Raises:
        ImageError: there is none, or there are several.
    """
    if data[:4] != _ITEM:
        return data  # not encapsulated, as some write it
    fragments, place = [], 0
    while data[place : place + 4] == _ITEM:
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        fragments.append(data[place + 8 : place + 8 + length])
        place += 8 + length
    if not _begins_picture(fragments[0]):
        del fragments[0]  # the basic offset table
    pictures = sum(_begins_picture(fragment) for fragment in fragments)
    if pictures > 1:
        raise ImageError(f"has {pictures} frames; a film has one, split the file")
    if not any(fragments):
        raise ImageError("its pixel data hold no picture; truncated, fetch the file again")
    return fragments[0] if len(fragments) == 1 else b"".join(fragments)


def begins_run_length(data: bytes) -> bool:
    """Whether `data` begin with the header of run-length coding: 1 to 15 segments, the first after it."""
    return len(data) > _RLE_HEADER and 1 <= data[0] <= 15 and data[1:8] == b"\0\0\0\x40\0\0\0"


def _begins_picture(data: bytes) -> bool:
    return data[:3] == _JPEG or data[:4] == JPEG_2000 or data[:8] == _JP2 or begins_run_length(data)


def picture_of(frame: bytes) -> Picture | None:
    """What a JPEG, JPEG-LS or JPEG 2000 picture says of itself; `None` for anything else.

    Raises:
        ImageError: it ends before its end marker.
    """
    start = frame.find(JPEG_2000, 0, None if frame[:8] == _JP2 else 1024)
    if start >= 0 and len(frame) >= start + 43:
        picture: Picture | None = _jpeg_2000(frame, start)
    else:
        picture = _jpeg(frame) if frame[:2] == _JPEG[:2] else None
    # Every picture ends with this marker, which its data never hold. CharLS looks for it for half a minute.
    if picture is not None and frame.rfind(_END) < 0:
        raise ImageError("its compressed picture has no end, so it is truncated; fetch the file again")
    return picture


def _jpeg_2000(frame: bytes, start: int) -> Picture:
    """By the markers SIZ and COD (ISO 15444-1 A.5.1, A.6.1), and the colours of a JP2 file (I.5.3.3)."""
    right, lower, left, upper = struct.unpack_from(">4I", frame, start + 8)
    (samples,) = struct.unpack_from(">H", frame, start + 40)
    depth, steps = frame[start + 42], frame[start + 43 : start + 42 + 3 * samples]
    is_lossy, is_ycbcr, place = False, _SPACES.get(_jp2_colours(frame[:start])), start + 2
    while place + 14 <= len(frame) and frame[place] == 0xFF and frame[place + 1] not in (0x90, 0xD9):
        if frame[place + 1] == 0x52:
            is_lossy = frame[place + 13] == 0
            # The decoder undoes the transform of the components.
            is_ycbcr = False if frame[place + 8] == 1 else is_ycbcr
        place += 2 + int.from_bytes(frame[place + 2 : place + 4], "big")
    if len({steps[3 * part : 3 * part + 2] for part in range(samples)}) > 1:
        is_ycbcr = False  # OpenJPEG takes subsampled components for chroma, and makes RGB of them
    size = (right - left, lower - upper)
    signed = depth >= 0x80
    return Picture(
        *(Codec.JPEG_2000, *size, samples, (depth & 0x7F) + 1), signed, is_ycbcr=is_ycbcr, is_lossy=is_lossy
    )


def _jp2_colours(boxes: bytes) -> int:
    """The enumerated colour space, 0 without one."""
    place = boxes.find(b"colr")
    return int.from_bytes(boxes[place + 7 : place + 11], "big") if place >= 0 and boxes[place + 4] == 1 else 0


def _jpeg(frame: bytes) -> Picture | None:
    """By the start of frame, and for the colours by what stands before it."""
    place, jfif, adobe = 2, False, None
    while place + 9 <= len(frame) and frame[place] == 0xFF:
        marker, length = frame[place + 1], int.from_bytes(frame[place + 2 : place + 4], "big")
        segment = frame[place + 4 : place + 2 + length]
        if marker == 0xE0 and segment[:4] == b"JFIF":
            jfif = True
        if marker == 0xEE and segment[:5] == b"Adobe" and len(segment) >= 12:
            adobe = segment[11]
        # Start of frame: C0 to CF without the tables C4 (Huffman), C8, CC (arithmetic); F7 is JPEG-LS.
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            return _start_of_frame(marker, segment, jfif, adobe)
        place += 1 if marker == 0xFF else 2 + length
    return None


def _start_of_frame(marker: int, segment: bytes, jfif: bool, adobe: int | None) -> Picture:
    bits, height, width, samples = struct.unpack_from(">BHHB", segment)
    if marker == 0xF7:
        codec = Codec.JPEG_LS
    elif marker in (0xC3, 0xC7, 0xCB, 0xCF):
        codec = Codec.JPEG_LOSSLESS
    else:
        codec = Codec.JPEG if bits == 8 else Codec.JPEG_12_BIT
    parts = [segment[6 + 3 * part : 9 + 3 * part] for part in range(samples)]
    is_discrete_cosine = codec in (Codec.JPEG, Codec.JPEG_12_BIT)
    is_ycbcr = _is_ycbcr(parts, jfif, adobe, is_discrete_cosine) if samples == 3 else None
    return Picture(codec, width, height, samples, bits, is_ycbcr=is_ycbcr, is_lossy=is_discrete_cosine)


def _is_ycbcr(parts: list[bytes], jfif: bool, adobe: int | None, is_discrete_cosine: bool) -> bool | None:
    """Whether the components of a JPEG are luma and chroma, by what libjpeg looks at, and then by how they
    are coded: chroma alone is subsampled, and chroma alone has a quantisation table of its own."""
    if jfif:
        return True
    if adobe is not None:
        return adobe != 0
    if b"".join(part[:1] for part in parts) == b"RGB":
        return False
    one, *others = [part[1:] for part in parts]
    return True if is_discrete_cosine and any(other != one for other in others) else None
