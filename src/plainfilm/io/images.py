"""Opens a film from any file it comes in as upright 8-bit grey, and stores it as JPEG.

`read_image` is the only way pixels enter Plainfilm, so that training, evaluation, command line and
workbench see the same film the same way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plainfilm.errors import DataError, ImageError
from plainfilm.io import archives, raster_images
from plainfilm.io.dicom import read as dicom
from plainfilm.io.files import replacing


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


def read_image(
    path: Path | str,
    shortest_side: int | None = None,
    *,
    keep_refused: bool = False,
    flag_colours: bool = False,
) -> Pixels:
    """The film in `path`: JPEG, PNG, TIFF, BMP, WebP or DICOM, told by content and not by name.

    With `shortest_side` the film is reduced so that its shortest side is that many pixels; it is never
    enlarged. Grey of 16 bit without a window runs from its smallest value (black) to its largest (white).
    With `keep_refused`, a file whose header says that it is no chest radiograph is opened all the same, and
    what the header says becomes a flag. With `flag_colours`, coloured pixels become a flag; the
    film stays the same (what else its pixels show, `image_analysis` says).

    Raises:
        ImageError: empty, truncated or damaged, not an image, too many pixels, or one grey value only.
        MissingDependency: a DICOM file without the packages that read it.
    """
    path = Path(path)
    with _opened(path) as stream:
        if dicom.is_dicom(stream.read(dicom.HEAD), path.suffix):
            film = dicom.decode(stream, path, shortest_side, keep_refused)
        else:
            stream.seek(0)
            film = raster_images.decode(stream.read(), path, shortest_side, flag_colours=flag_colours)
    if film.array.min() == film.array.max():
        grey = film.array.min()
        raise ImageError(f"{path}: every pixel has the grey value {grey}; not a film, leave it out")
    spacing = film.spacing_mm * film.original_width / film.array.shape[1] if film.spacing_mm else None
    return Pixels(film.array, film.original_width, film.original_height, spacing, film.flags)


def reduced(film: NDArray[np.uint8], shortest_side: int | None) -> NDArray[np.uint8]:
    """`film` (H, W) with its shortest side at most `shortest_side`, proportions kept."""
    height, width = film.shape
    return raster_images.reduce(film, raster_images.reduced_size((width, height), shortest_side))


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

    Raises:
        DataError: the file cannot be written.
    """
    buffer = BytesIO()
    Image.fromarray(array).save(buffer, format="JPEG", quality=quality)
    with replacing(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())
    return hashlib.sha256(buffer.getbuffer()).hexdigest()
