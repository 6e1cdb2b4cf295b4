"""Opens a film from any file it comes in as upright 8-bit grey, and stores it as JPEG.

`read_image` is the only way files enter Plainfilm, so that training, evaluation, command line and workbench
see the same film the same way; `as_film` is the only way of what is in memory already.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from plainfilm.errors import DataError, ImageError, UsageError
from plainfilm.io import archives, limits, raster_images
from plainfilm.io.dicom import read as dicom
from plainfilm.io.files import replacing
from plainfilm.io.film_values import FilmValues

_CHANNELS = (1, 3, 4)
"""Grey, RGB and RGBA."""


@dataclass(frozen=True)
class Pixels:
    """One opened film: `array` (H, W) uint8, 0 black to 255 white, bones bright.

    `original_width` and `original_height` are those of the file, after its EXIF orientation.
    `spacing_mm` is the side of one pixel of `array` in millimetres, where the file states it. `flags` are
    what a person should look at, in words, such as a header that speaks of another part of the body.
    """

    array: NDArray[np.uint8]
    original_width: int
    original_height: int
    spacing_mm: float | None = None
    flags: tuple[str, ...] = ()

    def __repr__(self) -> str:
        height, width = self.array.shape
        of = (self.original_width, self.original_height)
        reduced_from = "" if (width, height) == of else f", reduced from {of[0]} x {of[1]}"
        spacing = "" if self.spacing_mm is None else f", {self.spacing_mm:.3g} mm a pixel"
        flags = "".join(f"; {flag}" for flag in self.flags)
        return f"<Film of {width} x {height} pixels{reduced_from}{spacing}{flags}>"

    def _repr_png_(self) -> bytes:
        stream = BytesIO()
        Image.fromarray(self.array).save(stream, "PNG")
        return stream.getvalue()


def read_image(
    path: Path | str,
    shortest_side: int | None = None,
    *,
    keep_refused: bool = False,
    flag_colours: bool = False,
) -> Pixels:
    """The film in `path`: JPEG, PNG, TIFF, BMP, WebP or DICOM, recognised by content and not by name.

    With `shortest_side` the film is reduced so that its shortest side is that many pixels; it is never
    enlarged. Grey of 16 bit without a window runs from its smallest value (black) to its largest (white).
    With `keep_refused`, a file whose header says that it is no chest radiograph is opened all the same, and
    what the header says becomes a flag. With `flag_colours`, coloured pixels become a flag; the
    film stays the same (what else its pixels show, `image_analysis` says).

    Raises:
        ImageError: empty, truncated or damaged, not an image, too many pixels, or one grey value only.
        MissingDependency: a DICOM file without the packages that read it.
        UsageError: `path` is no path; an array is made a film by `as_film`.
    """
    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"read_image takes the path of a file, not {_described(path)}")
    path = Path(path)
    with _opened(path) as stream:
        _refuse_size(stream, path)
        head = stream.read(dicom.HEAD)
        if dicom.is_dicom(head, path.suffix):
            film = dicom.decode(stream, path, shortest_side, keep_refused)
        elif not raster_images.is_image(head):
            raise raster_images.no_image(path)
        else:
            stream.seek(0)
            film = raster_images.decode(stream.read(), path, shortest_side, flag_colours=flag_colours)
    if film.array.min() == film.array.max():
        grey = film.array.min()
        raise ImageError(f"{path}: every pixel has the grey value {grey}; not a film, leave it out")
    spacing = film.spacing_mm * film.original_width / film.array.shape[1] if film.spacing_mm else None
    return Pixels(film.array, film.original_width, film.original_height, spacing, film.flags)


def read_values(path: Path | str) -> FilmValues | None:
    """The values of the film in `path` before window and level; `None` where `read_image` gives all it has.

    Raises:
        ImageError: see `read_image`.
        MissingDependency: a DICOM file without the packages that read it.
    """
    path = Path(path)
    with _opened(path) as stream:
        _refuse_size(stream, path)
        head = stream.read(dicom.HEAD)
        stream.seek(0)
        if dicom.is_dicom(head, path.suffix):
            return dicom.decode_values(stream, path)
        return raster_images.decode_values(stream.read(), path)


def reduced(film: NDArray[np.uint8], shortest_side: int | None) -> NDArray[np.uint8]:
    """`film` (H, W) with its shortest side at most `shortest_side`, proportions kept."""
    height, width = film.shape
    return raster_images.reduce(film, raster_images.reduced_size((width, height), shortest_side))


def as_film(image: Any, shortest_side: int | None = None) -> NDArray[np.uint8]:
    """Anything film-like as a grey film (H, W) uint8, 0 black to 255 white, as `read_image` would give it.

    A path is read; of the result of `read_image` and of a record with `pixels` (a film of `plainfilm.open`)
    the pixels are taken. A PIL image is turned grey as its file would be. An array or tensor has the shape
    (H, W), or with colours (H, W, C) or (C, H, W), C being 1, 3 (RGB) or 4 (RGBA); its values are uint8,
    boolean, or floating point from 0 (black) to 1 (white). With `shortest_side` it is reduced to that, never
    enlarged.

    Raises:
        ImageError: a file that cannot be used, or a film of one grey value only.
        UsageError: an array of another shape or with other values. Other integers do not say which of them
            is white: 12 bits in 16 would be a black film.
    """
    if isinstance(image, str | os.PathLike):
        return read_image(Path(image), shortest_side).array
    image = _held(image)
    film = _grey_picture(image) if isinstance(image, Image.Image) else _grey_array(image)
    if film.min() == film.max():
        raise ImageError(f"every pixel of {_described(image)} has the grey value {film.min()}; not a film")
    return reduced(film, shortest_side)


def one_or_many(images: Any) -> Iterable[Any]:
    """`images` as something to iterate over: one path, PIL image or array of one film becomes its only item.

    Raises:
        UsageError: one array of three axes that could be three films or one film in colour.
    """
    images = _held(images)
    if isinstance(images, str | os.PathLike | Image.Image):
        return [images]
    shape = tuple(getattr(images, "shape", ()))
    if len(shape) == 2 or (len(shape) == 3 and shape[-1] in _CHANNELS):
        return [images]
    if len(shape) == 3 and shape[0] in _CHANNELS:
        raise UsageError(f"an array of shape {shape} is one film or {shape[0]}: put it, or them, into a list")
    if not hasattr(images, "__iter__"):
        raise UsageError(f"films are paths, PIL images or arrays, not {_described(images)}")
    iterable: Iterable[Any] = images
    return iterable


def _held(image: Any) -> Any:
    """The array of the result of `read_image`, or of another record with pixels; anything else as it is."""
    held = image.array if isinstance(image, Pixels) else getattr(image, "pixels", None)
    return held if isinstance(held, np.ndarray) else image


def _described(image: Any) -> str:
    """What was given, in a short phrase: its type, and its size and type of values where it has them."""
    try:
        facts = {name: getattr(image, name, None) for name in ("shape", "size", "dtype")}
    except RuntimeError:  # a nested tensor has no shape
        return type(image).__name__
    shape = facts["shape"] if facts["shape"] is not None else facts["size"]
    of = "" if shape is None else f" of {' x '.join(map(str, shape)) or 'no axes'}"
    return f"{type(image).__name__}{of}" + (f" of {facts['dtype']}" if facts["dtype"] is not None else "")


def _grey_picture(image: Image.Image) -> NDArray[np.uint8]:
    raster_images.refuse_memory(*image.size, 10)
    try:
        return np.asarray(raster_images.to_grey(ImageOps.exif_transpose(image)))
    except (OSError, SyntaxError, ValueError, EOFError, TypeError) as error:  # it reads its file only now
        raise ImageError(f"a PIL image cannot be read ({error})") from None


def _grey_array(image: Any) -> NDArray[np.uint8]:
    if isinstance(image, np.ma.MaskedArray) and image.mask.any():
        raise UsageError(
            "a masked array does not say what its masked pixels show; give it filled (.filled(0))"
        )
    try:
        if hasattr(image, "detach") and hasattr(image, "is_floating_point"):  # a tensor of torch
            image = image.detach().cpu()
            image = image.float() if image.is_floating_point() else image
        array = np.asarray(image)
    except (ValueError, TypeError, RuntimeError) as error:  # sparse, nested, without storage
        reason = str(error).strip().partition("\n")[0]
        raise UsageError(f"{_described(image)} cannot be made an array ({reason})") from None
    if array.ndim not in (2, 3) or array.size == 0:
        raise UsageError(f"a film is an array (H, W), (H, W, C) or (C, H, W), not {_described(image)}")
    if array.ndim == 3:
        array = _channels_last(array)
    array = _eight_bits(array)
    return array if array.ndim == 2 else np.asarray(raster_images.to_grey(Image.fromarray(array)))


def _channels_last(array: NDArray[Any]) -> NDArray[Any]:
    if array.shape[-1] not in _CHANNELS:
        if array.shape[0] not in _CHANNELS:
            raise UsageError(
                f"an array of shape {array.shape} has neither 1, 3 nor 4 channels; give one film"
            )
        array = np.moveaxis(array, 0, -1)
    return np.ascontiguousarray(array[..., 0] if array.shape[-1] == 1 else array)


def _eight_bits(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if not np.issubdtype(array.dtype, np.floating):
        raise UsageError(
            f"an array of {array.dtype} does not say which value is white; "
            "give uint8 (0 to 255), floating point (0 to 1), or the file itself"
        )
    low, high = float(array.min()), float(array.max())
    if not (low >= 0.0 and high <= 1.0):  # NaN is neither
        raise UsageError(
            f"an array of {array.dtype} from {low:g} to {high:g}; films run from 0 to 1, or are uint8"
        )
    return np.rint(array.astype(np.float32) * 255.0).astype(np.uint8)


def _refuse_size(stream: BinaryIO, path: Path) -> None:
    """Refuses a file larger than any film; rewinds the stream."""
    if stream.seek(0, os.SEEK_END) > limits.LARGEST_FILE:
        raise ImageError(f"{path}: has {stream.tell():,} bytes, more than any film; refused as unsafe")
    stream.seek(0)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """The file at its beginning; it has bytes."""
    try:
        with archives.open_binary(path) as stream:
            if not stream.read(1):
                raise ImageError(f"{path}: is empty (0 bytes); fetch the file again")
            stream.seek(0)
            yield stream
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error})") from None
    except ImageError:
        raise
    except DataError as error:
        raise ImageError(str(error)) from None


def write_jpeg(array: NDArray[np.uint8], path: Path, quality: int = 95) -> str:
    """Writes a grey film (H, W) atomically and returns the SHA-256 of the file in hexadecimal.

    Films come by the hundred thousand: who writes them flushes them (`files.flush`), many at a time.

    Raises:
        DataError: the file cannot be written.
    """
    buffer = BytesIO()
    Image.fromarray(array).save(buffer, format="JPEG", quality=quality)
    with replacing(path, flushed=False) as temporary:
        temporary.write_bytes(buffer.getbuffer())
    return hashlib.sha256(buffer.getbuffer()).hexdigest()
