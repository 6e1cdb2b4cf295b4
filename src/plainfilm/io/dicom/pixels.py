"""From the pixel data of a DICOM file to stored values or colours, by what is there.

A compressed picture says itself how large it is, how many samples and bits it has; of uncompressed pixels
there must be as many bytes as the header says. What neither decides is refused.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from plainfilm.errors import ImageError
from plainfilm.io import limits
from plainfilm.io.dicom.bit_depth import Reading, aligned
from plainfilm.io.dicom.codestream import Picture, begins_run_length, frame_of, is_encapsulated, picture_of
from plainfilm.io.dicom.colours import Colours, colours, indexed, unpacked
from plainfilm.io.dicom.decoders import decoded, rle_picture
from plainfilm.io.dicom.header import number
from plainfilm.io.dicom.native import floating_values, other_bytes, samples_there, wide_values, words_of
from plainfilm.io.dicom.pixel_header import PALETTE, PixelHeader
from plainfilm.io.dicom.values import StoredValues, quantised, read_words

FLOATING = {"FloatPixelData": "f4", "DoubleFloatPixelData": "f8"}
_RLE = "1.2.840.10008.1.2.5"

Pixels = StoredValues | Colours
Flags = tuple[str, ...]


def stored_pixels(dataset: Any, header: PixelHeader) -> tuple[Pixels, Flags]:
    """The pixels of a film of one frame, and flags where the header does not fit them.

    Raises:
        ImageError: there are none or several frames, they are others than the header says, or damaged.
        MissingDependency: the package for their codec is not installed.
    """
    for keyword, kind in FLOATING.items():
        if keyword in dataset:
            values = floating_values(header, bytes(dataset[keyword].value), kind)
            padding = "FloatPixelPaddingValue" if kind == "f4" else "DoubleFloatPixelPaddingValue"
            return quantised(values, number(dataset, padding)), ()
    data = dataset.PixelData
    if not isinstance(data, bytes) or not data:
        raise ImageError("holds no pixels; not a DICOM image, or truncated before them")
    if samples_there(header, len(data)) and (header.is_native or not is_encapsulated(data)):
        return _native(dataset, header, data)
    if header.is_native and not is_encapsulated(data):
        raise other_bytes(dataset, header, len(data))
    frame = frame_of(data)
    if header.syntax != _RLE and samples_there(header, len(frame)) and picture_of(frame) is None:
        return _native(dataset, header, frame)  # encapsulated, but not compressed
    return _compressed(dataset, header, frame)


def _native(dataset: Any, header: PixelHeader, data: bytes) -> tuple[Pixels, Flags]:
    if header.allocated == 32:
        return quantised(wide_values(header, data), number(dataset, "PixelPaddingValue")), ()
    words = words_of(header, data, dataset["PixelData"].VR)
    if samples_there(header, len(data)) > 1:
        return colours(unpacked(words, dataset, header), header.photometric), ()
    words = words[: header.height * header.width].reshape(header.height, header.width)
    words = aligned(dataset, words, header.stored)
    values, flags = read_words(dataset, words, Reading(header.stored, header.signed), header.lossy)
    return _with_palette(values, dataset, header), flags


def _compressed(dataset: Any, header: PixelHeader, frame: bytes) -> tuple[Pixels, Flags]:
    picture = picture_of(frame)
    if picture is None and (header.syntax == _RLE or begins_run_length(frame)):
        picture = rle_picture(frame, header.width, header.height)
    if picture is None:
        raise ImageError("its pixel data are no picture of a known kind (JPEG, JPEG-LS, JPEG 2000, RLE)")
    flags = _differences(header, picture)
    samples = decoded(frame, picture)
    if picture.samples == 3:
        return colours(samples, header.photometric, picture.is_ycbcr), flags
    if samples.dtype == np.uint32:
        wide = samples.view(np.int32) if header.signed else samples
        return quantised(wide, number(dataset, "PixelPaddingValue")), flags
    lossy = picture.is_lossy or header.lossy
    if 0 < header.stored < picture.bits == header.allocated:
        samples = aligned(dataset, samples, header.stored)
    stated = _stated_reading(header, picture, lossy, 8 * samples.itemsize)
    values, more = read_words(dataset, samples, stated, lossy, picture.bits)
    return _with_palette(values, dataset, header), flags + more


def _differences(header: PixelHeader, picture: Picture) -> Flags:
    """Flags where a picture is not what the header says; the film is the picture's all the same."""
    if not 0 < picture.width * picture.height <= limits.MOST_PIXELS:
        raise ImageError(f"its picture claims {picture.width} x {picture.height} pixels; refused as unsafe")
    flags: Flags = ()
    if (picture.width, picture.height) != (header.width, header.height):
        said, true = f"{header.width} x {header.height}", f"{picture.width} x {picture.height}"
        flags += (f"its header says {said} pixels, its picture has {true}",)
    if picture.samples != header.samples:
        flags += (f"its header says {header.samples} samples a pixel, its picture has {picture.samples}",)
    return flags


def _stated_reading(header: PixelHeader, picture: Picture, lossy: bool, most: int) -> Reading:
    """How the words of a picture are read where nothing speaks against it.

    A picture of 8 or 16 bits may have been made of whole words, with whatever lies above the bits stored; one
    of another number knows its bits. Lossy coding oversteps the range of the header, within the picture's.
    """
    if picture.signed:
        return Reading(picture.bits, signed=True)
    holds_words = header.stored > 0 and picture.bits in (8, 16) and (header.signed or not lossy)
    bits = header.stored if holds_words else max(header.stored, picture.bits)
    return Reading(min(bits, most), header.signed)


def _with_palette(values: StoredValues, dataset: Any, header: PixelHeader) -> Pixels:
    return indexed(values, dataset) if header.photometric == PALETTE else values
