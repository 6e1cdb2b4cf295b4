"""JPEG, PNG, TIFF, BMP and WebP to 8-bit grey, refusing what is damaged instead of padding it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, UnidentifiedImageError

from plainfilm.errors import ImageError
from plainfilm.io import limits
from plainfilm.io.area_resize import Ramp, area_mean
from plainfilm.io.film_values import FilmValues

FORMATS = ("JPEG", "PNG", "TIFF", "BMP", "WEBP")

_STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"MM\x00", b"MM\x2a", b"II\x2a", b"II\x2b", b"II\x00", b"BM", b"RIFF")
_BYTES_OF_MODE = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16L": 2, "I;16B": 2, "I;16N": 2}
"""What Pillow takes for a pixel; 4 for every other mode."""
_BYTES_BESIDE = 2
"""The grey film, and a copy of it as an array."""
_WEBP_BYTES = 12
"""Two canvases and a copy of one."""
_BAND_PIXELS = 1 << 22
"""So many pixels at a time are converted."""

_MANY_FRAMES = ("TIFF", "WEBP", "PNG")
_JPEG = ("JPEG", "MPO")
"""MPO is what cameras and telephones write: a JPEG with a second one behind it."""
_ORIENTATION, _PHOTOMETRIC, _WHITE_IS_ZERO = 0x0112, 262, 0
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How a film is turned upright, by its EXIF orientation."""
_PNG_COLOUR_TYPES = (2, 4, 6)
_LARGEST_WORD = 65535
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
    with _naming(path), _opened(data, path) as image:
        orientation = image.getexif().get(_ORIENTATION, 1)
        width, height = image.size[::-1] if orientation in (5, 6, 7, 8) else image.size
        if image.format in _JPEG:
            _draft(image, shortest_side, flag_colours)
            refuse_memory(*image.size, _bytes_a_pixel(image))
        image.load()
        flags = _colour_flag(image) if flag_colours else ()
        upright = _upright(to_grey(image), orientation)
        array = reduce(np.asarray(upright), reduced_size((width, height), shortest_side))
        return Film(array, width, height, flags=flags)


def decode_values(data: bytes, path: Path) -> FilmValues | None:
    """The values of a film of more than 8 bits, upright; `None` where its grey values are all there is.

    Raises:
        ImageError: see `decode`.
    """
    with _naming(path), _opened(data, path) as image:
        if not image.mode.startswith("I"):
            return None
        orientation = image.getexif().get(_ORIENTATION, 1)
        values = np.asarray(_upright(image, orientation)).astype(np.int64)
        low, high = int(values.min()), int(values.max())
        if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
            values = high + low - values
        if low < 0 or high > _LARGEST_WORD:
            values = np.rint((values - low) * (_LARGEST_WORD / max(high - low, 1)))
            low, high = 0, _LARGEST_WORD
        return FilmValues(values.astype(np.uint16), max(high.bit_length(), 1), float(low), float(high))


@contextlib.contextmanager
def _opened(data: bytes, path: Path) -> Iterator[Image.Image]:
    _refuse_canvas(data)
    with Image.open(BytesIO(data), formats=FORMATS) as image:
        _refuse(image, data, path)
        yield image


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_UPRIGHT[orientation]) if orientation in _UPRIGHT else image


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """While open, whatever Pillow raises becomes an error that names the file."""
    try:
        yield
    except ImageError as error:
        raise ImageError(f"{path}: {error}") from None
    except UnidentifiedImageError:
        raise no_image(path) from None
    except Image.DecompressionBombError:
        raise ImageError(
            f"{path}: claims more than {limits.MOST_PIXELS:,} pixels; refused as unsafe"
        ) from None
    except (OSError, SyntaxError, ValueError, EOFError, TypeError) as error:  # what Pillow raises on damage
        raise ImageError(f"{path}: is truncated or damaged ({error}); fetch the file again") from None


def no_image(path: Path) -> ImageError:
    """The error for a file of another kind."""
    return ImageError(f"{path}: not an image that can be read ({', '.join(FORMATS)}, DICOM); convert it")


def is_image(head: bytes) -> bool:
    """Whether a file that begins so can be one that `decode` reads."""
    return head.startswith(_STARTS)


def _refuse_canvas(data: bytes) -> None:
    """Refuses a WebP by the size in its header (RFC 9649): to open it takes memory already."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP" or len(data) < 30:
        return
    width = height = 0
    if data[12:16] == b"VP8X":
        width, height = (int.from_bytes(data[place : place + 3], "little") + 1 for place in (24, 27))
    elif data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        width, height = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    elif data[12:16] == b"VP8 ":
        width, height = (int.from_bytes(data[place : place + 2], "little") & 0x3FFF for place in (26, 28))
    refuse_memory(width, height, 4 + _WEBP_BYTES + _BYTES_BESIDE)


def refuse_memory(width: int, height: int, bytes_a_pixel: int) -> None:
    """Refuses a film that would take too much memory to decode.

    Raises:
        ImageError: it would.
    """
    asked = width * height * bytes_a_pixel
    if asked > limits.MOST_MEMORY:
        raise ImageError(f"{width} x {height} pixels would take {asked / 1e9:.1f} GB; refused as unsafe")


def _refuse(image: Image.Image, data: bytes, path: Path) -> None:
    if image.width * image.height > limits.MOST_PIXELS:
        raise ImageError(f"{image.width} x {image.height} pixels; refused as unsafe")
    if image.format not in _JPEG:  # what a JPEG takes depends on how much of it is decoded
        refuse_memory(*image.size, _bytes_a_pixel(image))
    frames = getattr(image, "n_frames", 1)
    if image.format in _MANY_FRAMES and frames > 1:
        raise ImageError(f"has {frames} frames; save the film as a file of one frame")
    # Pillow would keep the high byte of each sample, which of a film of 12 bits leaves four.
    if image.format == "PNG" and data[24] == 16 and data[25] in _PNG_COLOUR_TYPES:
        raise ImageError("16 bits in colour or with transparency; save it as 16-bit grey")
    # A download cut short may be filled up with zeros, which libjpeg decodes to grey without complaint.
    # Entropy-coded data never hold a marker, so the end marker must follow the last start of a scan.
    if image.format in _JPEG and _ends_early(data):
        raise ImageError("is truncated (no end marker); fetch the file again")
    if "progressive" in image.info:
        refuse_memory(*image.size, 2 * len(image.getbands()))  # libjpeg keeps all coefficients until the end
        if data.count(b"\xff\xda") > limits.MOST_SCANS:
            raise ImageError(f"has more than {limits.MOST_SCANS} scans; refused as unsafe")
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise ImageError("Pillow's LOAD_TRUNCATED_IMAGES is on and would hide damage; switch it off")


def _bytes_a_pixel(image: Image.Image) -> int:
    """What decoding an image takes for each of its pixels."""
    taken = _BYTES_OF_MODE.get(image.mode, 4)
    if image.format == "WEBP":
        taken += _WEBP_BYTES
    if image.mode == "F" or image.mode.startswith("I"):
        taken *= 2  # an array of them, to be scaled
    return taken + _BYTES_BESIDE


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
    if image.mode == "L" and "transparency" not in image.info:
        return image
    if image.mode == "YCbCr":
        return image.getchannel("Y")
    whole = Image.new("L", image.size)
    for top, band in _bands(image):
        whole.paste(_luma(band), (0, top))
    return whole


def _luma(image: Image.Image) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image)
    return image.convert("RGB").convert("L")


def _bands(image: Image.Image, step: int = 1) -> Iterator[tuple[int, Image.Image]]:
    """An image cut from side to side into bands of a multiple of `step` rows, and where each begins."""
    rows = max(1, _BAND_PIXELS // image.width // step) * step
    if rows >= image.height:
        yield 0, image
        return
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _colour_flag(image: Image.Image) -> tuple[str, ...]:
    if image.mode in ("L", "1", "LA", "La", "F") or image.mode.startswith("I"):
        return ()
    step = max(1, min(image.size) // LOOKED_AT)
    is_ycbcr = image.mode == "YCbCr"
    bands = (band if is_ycbcr else band.convert("RGB") for _, band in _bands(image, step))
    samples = np.concatenate([np.asarray(band)[::step, ::step] for band in bands])
    return colour_flag(samples.astype(np.int16), is_ycbcr=is_ycbcr)


def colour_flag(samples: NDArray[np.int16], *, is_ycbcr: bool = False) -> tuple[str, ...]:
    """A flag where pixels (H, W, 3) of RGB or YCbCr are coloured: arrows, a watermark, a tint."""
    if is_ycbcr:
        coloured = np.abs(samples[..., 1:] - 128).max(axis=-1) > _CHROMA
    else:
        coloured = np.ptp(samples, axis=-1) > _SPREAD
    share = float(coloured.mean())
    return (f"coloured pixels ({100 * share:.2g} %)",) if share > _COLOURED else ()


def scale_to_8bit(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Grey values (H, ...) of any type, the smallest finite one to 0 and the largest to 255.

    Such files rarely say how many of their bits are in use, and often it is 10, 12 or 15 of 16.
    """
    rows = max(1, _BAND_PIXELS // max(1, values[:1].size))
    bands = [values[top : top + rows] for top in range(0, len(values), rows)]
    ends = [end for band in bands for end in _finite_ends(band)]
    low, high = (min(ends), max(ends)) if ends else (np.float32(0), np.float32(0))
    scale = 255.0 / (high - low) if high > low else 0.0
    grey = np.empty(values.shape, np.uint8)
    for place, band in enumerate(bands):
        floating = band.astype(np.float32)
        shown = (np.where(np.isfinite(floating), floating, low) - low) * scale
        grey[place * rows : (place + 1) * rows] = np.rint(shown)
    return grey


def _finite_ends(band: NDArray[Any]) -> tuple[np.float32, ...]:
    """The smallest and the largest finite value; none where there is none."""
    finite = band if band.dtype.kind in "biu" else band[np.isfinite(band)]
    return (np.float32(finite.min()), np.float32(finite.max())) if finite.size else ()


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
    return area_mean(film, height, width, table, ramp and Ramp(*ramp))
