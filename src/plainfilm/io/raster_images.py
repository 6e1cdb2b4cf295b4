"""JPEG, PNG, TIFF, BMP and WebP to 8-bit grey, refusing what is damaged instead of padding it."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from plainfilm.errors import ImageError

FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP")
MAX_PIXELS = 2 * 89_478_485
"""More pixels than this are refused: twice Pillow's own limit, six times the largest detector."""

_MANY_FRAMES = ("TIFF", "WEBP", "PNG")
_JPEG = ("JPEG", "MPO")
"""MPO is what cameras and telephones write: a JPEG with a second one behind it."""
_ORIENTATION, _PHOTOMETRIC, _WHITE_IS_ZERO = 0x0112, 262, 0
_PNG_COLOUR_TYPES = (2, 4, 6)
LOOKED_AT = 512
_CHROMA, _SPREAD, _COLOURED = 20, 40, 0.0002
"""A pixel is coloured that is so far from grey in one of Cb and Cr, or between its R, G and B;
a film is where more than so many of about LOOKED_AT x LOOKED_AT pixels are."""


@dataclass(frozen=True)
class Film:
    """A film as it comes out of a file: `array` (H, W) uint8, reduced where that was asked for.

    `original_width` and `original_height` are those of the file, upright. `spacing_mm` is the side of one of
    its pixels. `flags` are what a person should look at.
    """

    array: NDArray[np.uint8]
    original_width: int
    original_height: int
    spacing_mm: float | None = None
    flags: tuple[str, ...] = ()


def decode(data: bytes, path: Path, shortest_side: int | None = None, *, flag_colours: bool = False) -> Film:
    """The grey film in `data`, upright by its EXIF orientation, its shortest side at most `shortest_side`.

    A JPEG is decoded at a fraction of its size (libjpeg's scaled inverse DCT) where that allows: never below
    twice the size that is wanted. With `flag_colours`, coloured pixels become a flag; the film is the same.

    Raises:
        ImageError: not an image, truncated, damaged, or too many pixels.
    """
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            _refuse(image, data, path)
            orientation = image.getexif().get(_ORIENTATION, 1)
            width, height = image.size[::-1] if orientation in (5, 6, 7, 8) else image.size
            if image.format in _JPEG:
                _draft(image, shortest_side, flag_colours)
            image.load()
            flags = _colour_flag(image) if flag_colours else ()
            # Even where nothing is to be turned, exif_transpose would copy every pixel.
            upright = image if orientation == 1 else ImageOps.exif_transpose(image)
            array = reduce(np.asarray(to_grey(upright)), reduced_size((width, height), shortest_side))
            return Film(array, width, height, flags=flags)
    except UnidentifiedImageError:
        known = ", ".join(FORMATS)
        raise ImageError(f"{path}: not an image that can be read ({known}, DICOM); convert it") from None
    except Image.DecompressionBombError:
        raise ImageError(f"{path}: claims more than {MAX_PIXELS:,} pixels; refused as unsafe") from None
    except (OSError, SyntaxError, ValueError, EOFError, TypeError) as error:  # what Pillow raises on damage
        raise ImageError(f"{path}: is truncated or damaged ({error}); fetch the file again") from None


def _refuse(image: Image.Image, data: bytes, path: Path) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(f"{path}: {image.width} x {image.height} pixels; refused as unsafe")
    frames = getattr(image, "n_frames", 1)
    if image.format in _MANY_FRAMES and frames > 1:
        raise ImageError(f"{path}: has {frames} frames; save the film as a file of one frame")
    # Pillow would keep the high byte of each sample, which of a film of 12 bits leaves four.
    if image.format == "PNG" and data[24] == 16 and data[25] in _PNG_COLOUR_TYPES:
        raise ImageError(f"{path}: 16 bits in colour or with transparency; save it as 16-bit grey")
    # A download cut short may be filled up with zeros, which libjpeg decodes to grey without complaint.
    # Entropy-coded data never hold a marker, so the end marker must follow the last start of a scan.
    if image.format in _JPEG and _ends_early(data):
        raise ImageError(f"{path}: is truncated (no end marker); fetch the file again")
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise ImageError(f"{path}: Pillow's LOAD_TRUNCATED_IMAGES is on and would hide damage; switch it off")


def _ends_early(jpeg: bytes) -> bool:
    end = jpeg.rfind(b"\xff\xd9")  # from behind: next to nothing of a whole file is searched
    return end < 0 or jpeg.find(b"\xff\xda", end) >= 0


def _draft(image: Image.Image, shortest_side: int | None, with_colours: bool) -> None:
    """Has libjpeg give the luma alone, or with the colours beside it: the luma is the same."""
    width, height = reduced_size(image.size, shortest_side)
    # Colours stored as RGB (Adobe's transform 0) cannot come out as luma and chroma.
    mode = None if image.info.get("adobe_transform") == 0 else "YCbCr" if with_colours else "L"
    image.draft(mode, (2 * width, 2 * height))


def to_grey(image: Image.Image) -> Image.Image:
    """`image` in mode L: transparency on black, colours by luma, more than 8 bit by their range."""
    if image.mode == "F" or image.mode.startswith("I"):
        grey = scale_to_8bit(np.asarray(image))
        tags = getattr(image, "tag_v2", {})
        return Image.fromarray(255 - grey if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO else grey)
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image)
    if image.mode == "YCbCr":
        return image.getchannel("Y")
    return image if image.mode == "L" else image.convert("RGB").convert("L")


def _colour_flag(image: Image.Image) -> tuple[str, ...]:
    if image.mode in ("L", "1", "LA", "La", "F") or image.mode.startswith("I"):
        return ()
    step = max(1, min(image.size) // LOOKED_AT)
    samples = np.asarray(image if image.mode == "YCbCr" else image.convert("RGB"))[::step, ::step]
    return colour_flag(samples.astype(np.int16), is_ycbcr=image.mode == "YCbCr")


def colour_flag(samples: NDArray[np.int16], *, is_ycbcr: bool = False) -> tuple[str, ...]:
    """A flag where pixels (H, W, 3) of RGB or YCbCr are coloured: arrows, a watermark, a tint."""
    if is_ycbcr:
        coloured = np.abs(samples[..., 1:] - 128).max(axis=-1) > _CHROMA
    else:
        coloured = np.ptp(samples, axis=-1) > _SPREAD
    share = float(coloured.mean())
    return (f"coloured pixels ({100 * share:.2g} %)",) if share > _COLOURED else ()


def scale_to_8bit(values: NDArray) -> NDArray[np.uint8]:
    """Grey values of any type, the smallest finite one to 0 and the largest to 255.

    Such files rarely say how many of their bits are in use, and often it is 10, 12 or 15 of 16.
    """
    values = values.astype(np.float32)
    finite = np.isfinite(values)
    low, high = (values[finite].min(), values[finite].max()) if finite.any() else (0.0, 0.0)
    scale = 255.0 / (high - low) if high > low else 0.0
    grey = (np.where(finite, values, low) - low) * scale
    return np.rint(grey).astype(np.uint8)


def reduced_size(size: tuple[int, int], shortest_side: int | None) -> tuple[int, int]:
    """(width, height) with the shortest side at most `shortest_side`, proportions kept, never larger."""
    shortest = min(size)
    if shortest_side is None or shortest <= shortest_side:
        return size
    width, height = (max(1, round(side * shortest_side / shortest)) for side in size)
    return width, height


def reduce(
    film: NDArray[np.uint8] | NDArray[np.uint16],
    size: tuple[int, int],
    table: NDArray[np.uint8] | None = None,
    ramp: tuple[float, float, int] | None = None,
) -> NDArray[np.uint8]:
    """A grey `film` (H, W) reduced to `size` (width, height) by averaging areas.

    With `table` the film holds words and `table[word]` is the grey value of each; `ramp` says the same faster
    (see `area_resize.Ramp`).
    """
    width, height = size
    if film.shape == (height, width):
        return np.asarray(film if table is None else table[film], np.uint8)
    from plainfilm.io.area_resize import (  # half a second of import that small films do not need
        Ramp,
        area_mean,
    )

    return area_mean(film, height, width, table, ramp and Ramp(*ramp))
