"""Compressed pictures to samples, by the fastest exact decoder of each codec.

Each is asked by what the picture says of itself, never by the header of the file around it.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plainfilm.errors import ImageError
from plainfilm.io.dicom import gdcm_process
from plainfilm.io.dicom.codestream import JPEG_2000, Codec, Picture
from plainfilm.io.optional import optional_import
from plainfilm.io.raster_images import refuse_memory

Samples = NDArray[Any]
"""uint8, uint16, or uint32 from run-length coding."""

_RLE_SEGMENTS = {1: (1, 8), 2: (1, 16), 3: (3, 8), 4: (1, 32), 6: (3, 16), 12: (3, 32)}
"""Samples of a pixel and bits of a sample by the number of segments (PS3.5 annex G): one for each byte."""

_BYTES_OF_SAMPLE = {Codec.JPEG: 4, Codec.JPEG_LS: 5, Codec.JPEG_2000: 10, Codec.RLE: 6}
"""What decoding a sample of up to 16 bits takes, measured; GDCM takes 10."""

_GDCM_SYNTAXES = {
    Codec.JPEG_LOSSLESS: "JPEGLosslessProcess14",
    Codec.JPEG_12_BIT: "JPEGExtendedProcess2_4",
    Codec.JPEG_2000: "JPEG2000",
}


def decoded(frame: bytes, picture: Picture) -> Samples:
    """The samples of a picture, (H, W) or (H, W, 3), as they are coded: luma and chroma stay what they are.

    Signed samples come as two's complement of the picture's bits.

    Raises:
        ImageError: it is damaged, or coded in a way that no decoder here knows.
        MissingDependency: the package for its codec is not installed.
    """
    if picture.samples not in (1, 3):
        raise ImageError(
            f"its picture has {picture.samples} samples for a pixel; films have 1, or 3 in colour"
        )
    if not 2 <= picture.bits <= 16 and picture.codec is not Codec.RLE:
        raise ImageError(f"its picture has {picture.bits} bits for a sample; films have up to 16")
    refuse_memory(picture.width, picture.height, picture.samples * _BYTES_OF_SAMPLE.get(picture.codec, 10))
    samples = _DECODERS[picture.codec](frame, picture)
    wanted = (picture.height, picture.width) + ((3,) if picture.samples == 3 else ())
    if samples.shape != wanted:
        raise ImageError(f"its picture is decoded to {samples.shape}, where it says {wanted}")
    return samples


def rle_picture(frame: bytes, width: int, height: int) -> Picture:
    """What a run-length coded picture says of itself, which is the number of its segments."""
    segments = int.from_bytes(frame[:4], "little")
    if segments not in _RLE_SEGMENTS:
        raise ImageError(f"its run-length coded picture has {segments} segments, which is no film's")
    samples, bits = _RLE_SEGMENTS[segments]
    return Picture(Codec.RLE, width, height, samples, bits)


def _jpeg(frame: bytes, picture: Picture) -> Samples:
    with Image.open(BytesIO(frame), formats=("JPEG", "MPO")) as image:
        # Left alone, libjpeg would make RGB of what it takes for luma and chroma.
        if picture.samples == 3 and picture.is_ycbcr is not False:
            image.draft("YCbCr", image.size)
        return np.asarray(image)


def _jpeg_2000(frame: bytes, picture: Picture) -> Samples:
    """By OpenJPEG. Pillow puts samples into the highest bits of 8 or 16, signed ones moved to begin at 0, and
    gives 8 bits of colours that have more."""
    try:
        with Image.open(BytesIO(frame[frame.find(JPEG_2000) :]), formats=("JPEG2000",)) as image:
            samples: Samples = np.asarray(image)
    except (OSError, ValueError, KeyError):  # KeyError: a Pillow without OpenJPEG
        return _gdcm(frame, picture)
    if samples.dtype not in (np.uint8, np.uint16):
        raise ImageError(f"its JPEG 2000 picture of {picture.bits} bits cannot be decoded")
    if picture.samples == 3:
        return samples[..., :3]
    shift = 8 * samples.itemsize - picture.bits
    if shift > 0:
        samples = samples >> np.array(shift, samples.dtype)
    return samples ^ np.array(1 << (picture.bits - 1), samples.dtype) if picture.signed else samples


def _jpeg_ls(frame: bytes, picture: Picture) -> Samples:
    library: Any = optional_import("jpeg_ls", "dicom", "JPEG-LS")
    buffer, facts = library.decode_pixel_data(frame)
    samples = np.frombuffer(buffer, np.uint8 if picture.bits <= 8 else np.uint16)
    return _shaped(samples, picture, by_plane=facts["interleave_mode"] == 0)


def _gdcm(frame: bytes, picture: Picture) -> Samples:
    syntax = _GDCM_SYNTAXES[picture.codec]
    facts = (picture.width, picture.height, picture.samples, picture.bits)
    buffer = gdcm_process.decode(frame, *facts, syntax)
    return _shaped(np.frombuffer(buffer, "u1" if picture.bits <= 8 else "<u2"), picture)


def _rle(frame: bytes, picture: Picture) -> Samples:
    pixels: Any = optional_import("pydicom.pixels", "dicom", "DICOM")
    encaps: Any = optional_import("pydicom.encaps", "dicom", "DICOM")
    buffer, _ = pixels.get_decoder(optional_import("pydicom.uid", "dicom", "DICOM").RLELossless).as_buffer(
        encaps.encapsulate([frame], has_bot=False),
        index=0,
        rows=picture.height,
        columns=picture.width,
        samples_per_pixel=picture.samples,
        photometric_interpretation="MONOCHROME2" if picture.samples == 1 else "RGB",
        planar_configuration=1,
        bits_allocated=picture.bits,
        bits_stored=picture.bits,
        pixel_representation=0,
        number_of_frames=1,
    )
    return _shaped(np.frombuffer(buffer, f"<u{picture.bits // 8}"), picture, by_plane=True)


def _shaped(samples: Samples, picture: Picture, *, by_plane: bool = False) -> Samples:
    height, width = picture.height, picture.width
    if samples.size != height * width * picture.samples:
        raise ImageError("its picture holds another number of samples than it says")
    if picture.samples == 1:
        return samples.reshape(height, width)
    if by_plane:
        return np.ascontiguousarray(samples.reshape(3, height, width).transpose(1, 2, 0))
    return samples.reshape(height, width, 3)


_DECODERS = {
    Codec.JPEG: _jpeg,
    Codec.JPEG_12_BIT: _gdcm,
    Codec.JPEG_LOSSLESS: _gdcm,
    Codec.JPEG_LS: _jpeg_ls,
    Codec.JPEG_2000: _jpeg_2000,
    Codec.RLE: _rle,
}
