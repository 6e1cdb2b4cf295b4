"""What the header of a DICOM file says of its pixels (PS3.3 C.7.6.3), as far as it can be believed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from plainfilm.errors import ImageError
from plainfilm.io import limits
from plainfilm.io.dicom.header import code, number

MONOCHROME = ("MONOCHROME1", "MONOCHROME2")
RGB = ("RGB", "YBR_RCT", "YBR_ICT")
"""Decoders give RGB for the two transforms of JPEG 2000, and so do files that were unpacked later."""
SUBSAMPLED = ("YBR_FULL_422", "YBR_PARTIAL_422")
YCBCR = ("YBR_FULL", *SUBSAMPLED, "YBR_PARTIAL_420")
PALETTE = "PALETTE_COLOR"
_KNOWN = {name.replace("_", ""): name for name in (*MONOCHROME, *RGB, *YCBCR, PALETTE)}

_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_GE_BIG_ENDIAN = "1.2.840.113619.5.2"
"""A private transfer syntax: a little endian header before big endian pixels."""
NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99", _BIG_ENDIAN, _GE_BIG_ENDIAN)
_LOSSY = {f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 81, 91)}


@dataclass(frozen=True)
class PixelHeader:
    """Size, samples of a pixel, bits allocated and stored of a sample; 0 for a number that is not stated."""

    syntax: str
    photometric: str
    height: int
    width: int
    samples: int
    allocated: int
    stored: int
    signed: bool
    lossy: bool

    @property
    def is_little_endian(self) -> bool:
        """The byte order of uncompressed pixels."""
        return self.syntax not in (_BIG_ENDIAN, _GE_BIG_ENDIAN)

    @property
    def is_native(self) -> bool:
        """True where pixels are said to be uncompressed."""
        return self.syntax in NATIVE


def photometric_of(dataset: Any) -> str:
    """The photometric interpretation in the standard's spelling; any other text as it is."""
    stated = code(dataset, "PhotometricInterpretation")
    return _KNOWN.get(stated.replace("_", ""), stated)


def pixel_header(dataset: Any) -> PixelHeader:
    """What the header of `dataset` says.

    Raises:
        ImageError: its photometric interpretation is not known, or it claims too many pixels.
    """
    photometric = photometric_of(dataset)
    if photometric not in _KNOWN.values():
        raise ImageError("its photometric interpretation is none that DICOM knows; convert the file")
    # A number that cannot be read is damage, not absence.
    height, width = int(dataset.get("Rows") or 0), int(dataset.get("Columns") or 0)
    if height * width > limits.MOST_PIXELS:
        raise ImageError(f"claims {width} x {height} pixels; refused as unsafe")
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    allocated = int(number(dataset, "BitsAllocated") or 0)
    stored = int(number(dataset, "BitsStored") or allocated)
    return PixelHeader(
        *(syntax, photometric, height, width),
        samples=int(number(dataset, "SamplesPerPixel") or 1),
        allocated=allocated,
        stored=stored if 0 < stored <= allocated else allocated,
        signed=number(dataset, "PixelRepresentation") == 1,
        lossy=syntax in _LOSSY or code(dataset, "LossyImageCompression") == "01",
    )
