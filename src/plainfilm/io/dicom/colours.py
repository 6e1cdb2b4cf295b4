"""Pixels of three samples to grey: what their colours are, and how they lie in an uncompressed file.

A film in colour is one that was photographed from a screen, so nearly all of it is grey. Where header and
picture contradict each other about the colours, that decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plainfilm.errors import ImageError
from plainfilm.io.dicom.header import number
from plainfilm.io.dicom.lookup_table import LookupTable, lookup_table
from plainfilm.io.dicom.pixel_header import YCBCR, PixelHeader
from plainfilm.io.dicom.values import StoredValues
from plainfilm.io.optional import optional_import
from plainfilm.io.raster_images import LOOKED_AT, colour_flag, scale_to_8bit

Samples = NDArray[Any]

_GREY_RGB, _GREY_CHROMA = 24, 12
"""A pixel is grey whose R, G and B, or whose Cb and Cr and 128, are so near each other."""
_FEW, _MOST = 0.5, 0.9
"""Colours are not what they are said to be where fewer pixels are grey, and of the other kind more."""
_BLACK, _WHITE = 16, 235
"""The luma of black and of white in YBR_PARTIAL_422."""


@dataclass(frozen=True)
class Colours:
    """`samples` (H, W, 3) of 8 bits, luma and chroma where `is_ycbcr`, else red, green and blue."""

    samples: NDArray[np.uint8]
    is_ycbcr: bool

    def grey(self) -> NDArray[np.uint8]:
        """Their luma (H, W)."""
        if self.is_ycbcr:
            return np.ascontiguousarray(self.samples[..., 0])
        return np.asarray(Image.fromarray(np.ascontiguousarray(self.samples)).convert("L"))

    def flags(self) -> tuple[str, ...]:
        """A flag where they are colourful."""
        step = max(1, min(self.samples.shape[:2]) // LOOKED_AT)
        return colour_flag(self.samples[::step, ::step].astype(np.int16), is_ycbcr=self.is_ycbcr)


def colours(samples: Samples, photometric: str, is_ycbcr: bool | None = None) -> Colours:
    """Samples (H, W, 3) of any bits as colours: as the picture says (`is_ycbcr`), else as the header does."""
    eight = samples if samples.dtype == np.uint8 else scale_to_8bit(samples)
    stated = photometric in YCBCR if is_ycbcr is None else is_ycbcr
    step = max(1, min(eight.shape[:2]) // LOOKED_AT)
    some = eight[::step, ::step].astype(np.int16)
    shares = {
        False: float((np.ptp(some, axis=-1) <= _GREY_RGB).mean()),
        True: float((np.abs(some[..., 1:] - 128).max(axis=-1) <= _GREY_CHROMA).mean()),
    }
    if shares[stated] < _FEW and shares[not stated] > _MOST:
        stated = not stated
    if photometric.startswith("YBR_PARTIAL") and stated and is_ycbcr is None:
        eight = eight.copy()
        luma = (eight[..., 0].astype(np.float32) - _BLACK) * (255.0 / (_WHITE - _BLACK))
        eight[..., 0] = np.rint(luma.clip(0, 255))
    return Colours(eight, stated)


def indexed(values: StoredValues, dataset: Any) -> Colours:
    """The colours of a palette (PS3.3 C.7.6.3.1.5 and C.7.9).

    Raises:
        ImageError: the palette is not there, or not whole.
    """
    numbers = values.values()
    if "SegmentedRedPaletteColorLookupTableData" in dataset:
        entries = optional_import("pydicom.pixels", "dicom", "DICOM").apply_color_lut(numbers[None], dataset)[
            0
        ]
        bits = 8 * entries.itemsize
    else:
        tables = [_palette(dataset, name) for name in ("Red", "Green", "Blue")]
        entries, bits = np.stack([table(numbers) for table in tables], axis=-1), max(t.bits for t in tables)
    eight = np.rint(entries[:, :3] * (255.0 / ((1 << bits) - 1))).clip(0, 255).astype(np.uint8)
    return Colours(eight[values.words & np.array(len(numbers) - 1, values.words.dtype)], is_ycbcr=False)


def _palette(dataset: Any, name: str) -> LookupTable:
    stem = f"{name}PaletteColorLookupTable"
    table = lookup_table(dataset.get(f"{stem}Descriptor"), dataset.get(f"{stem}Data"), dataset)
    if table is None:
        raise ImageError(f"its palette has no {name.lower()}; convert the file")
    return table


def unpacked(words: Samples, dataset: Any, header: PixelHeader) -> Samples:
    """Uncompressed samples (H, W, 3): pixel after pixel, plane after plane, or two pixels to one chroma."""
    height, width = header.height, header.width
    if words.size < 3 * height * width:
        luma_and_chroma = words[: height * -(-width // 2) * 4].reshape(height, -1, 4)
        chroma = np.repeat(luma_and_chroma[..., 2:], 2, axis=1)[:, :width]
        return np.dstack([luma_and_chroma[..., :2].reshape(height, -1)[:, :width], chroma])
    words = words[: 3 * height * width]
    planes = words.reshape(3, height, width)
    if number(dataset, "PlanarConfiguration") == 1 or _are_alike(planes):
        return np.ascontiguousarray(planes.transpose(1, 2, 0))
    return words.reshape(height, width, 3)


def _are_alike(planes: Samples) -> bool:
    """Whether three planes show one grey film; thirds of a film, one below the other, never do."""
    some = planes[:, ::8, ::8].astype(np.int32)
    spread = float(some[0].std())
    return spread > 0 and float(np.abs(some[1:] - some[0]).mean()) < 0.1 * spread
