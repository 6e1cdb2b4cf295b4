"""JPEG, PNG, TIFF, BMP and WebP to 8-bit grey, refusing what is damaged instead of padding it."""

from __future__ import annotations

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
_ORIENTATION = 0x0112


def decode(data: bytes, path: Path, shortest_side: int | None) -> tuple[Image.Image, tuple[int, int]]:
    """The grey image in `data` and its original (width, height), upright as its EXIF orientation says.

    A JPEG is decoded at a fraction of its size (libjpeg's scaled inverse DCT) where `shortest_side`
    allows: never below twice the size that is wanted.

    Raises:
        ImageError: not an image, truncated, damaged, or too many pixels.
    """
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            _refuse(image, data, path)
            orientation = image.getexif().get(_ORIENTATION, 1)
            size = image.size[::-1] if orientation in (5, 6, 7, 8) else image.size
            if image.format == "JPEG":
                _draft(image, shortest_side)
            image.load()
            # Even where nothing is to be turned, exif_transpose would copy every pixel.
            upright = image if orientation == 1 else ImageOps.exif_transpose(image)
            return to_grey(upright), size
    except UnidentifiedImageError:
        known = ", ".join(FORMATS)
        raise ImageError(f"{path}: not an image that can be read ({known}, DICOM); convert it") from None
    except Image.DecompressionBombError:
        raise ImageError(f"{path}: claims more than {MAX_PIXELS:,} pixels; refused as unsafe") from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageError(f"{path}: is truncated or damaged ({error}); fetch the file again") from None


def _refuse(image: Image.Image, data: bytes, path: Path) -> None:
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(f"{path}: {image.width} x {image.height} pixels; refused as unsafe")
    frames = getattr(image, "n_frames", 1)
    if image.format in _MANY_FRAMES and frames > 1:
        raise ImageError(f"{path}: has {frames} frames; save the film as a file of one frame")
    # A download cut short may be filled up with zeros, which libjpeg decodes to grey without complaint.
    # Entropy-coded data never hold a marker, so the end marker must follow the last start of a scan.
    if image.format == "JPEG" and _ends_early(data):
        raise ImageError(f"{path}: is truncated (no end marker); fetch the file again")
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise ImageError(f"{path}: Pillow's LOAD_TRUNCATED_IMAGES is on and would hide damage; switch it off")


def _ends_early(jpeg: bytes) -> bool:
    end = jpeg.rfind(b"\xff\xd9")  # from behind: next to nothing of a whole file is searched
    return end < 0 or jpeg.find(b"\xff\xda", end) >= 0


def _draft(image: Image.Image, shortest_side: int | None) -> None:
    width, height = reduced_size(image.size, shortest_side)
    image.draft("L", (2 * width, 2 * height))


def to_grey(image: Image.Image) -> Image.Image:
    """`image` in mode L: transparency on black, colours by luma, more than 8 bit by their range."""
    if image.mode == "F" or image.mode.startswith("I"):
        return Image.fromarray(scale_to_8bit(np.asarray(image)))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        black = Image.new("RGBA", image.size, (0, 0, 0, 255))
        image = Image.alpha_composite(black, image)
    return image if image.mode == "L" else image.convert("RGB").convert("L")


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


def reduce(film: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """A grey `film` (H, W) reduced to `size` (width, height) by averaging areas."""
    width, height = size
    if film.shape == (height, width):
        return film
    from plainfilm.io.areas import area_mean  # half a second of import that small films do not need

    return area_mean(film, height, width)
