"""Opens a film from any file it comes in as upright 8-bit grey, and stores it as JPEG.

`read_image` is the only way pixels enter Plainfilm, so that training, evaluation, command line and
workbench see the same film the same way.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plainfilm.errors import DataError, ImageError
from plainfilm.io import archives, dicom, raster
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


def read_image(path: Path | str, shortest_side: int | None = None, *, keep_refused: bool = False) -> Pixels:
    """The film in `path`: JPEG, PNG, TIFF, BMP, WebP or DICOM, told by content and not by name.

    With `shortest_side` the film is reduced so that its shortest side is that many pixels; it is never
    enlarged. Grey of 16 bit without a window runs from its smallest value (black) to its largest (white).
    With `keep_refused`, a file whose header says that it is no chest radiograph is opened all the same, and
    what the header says becomes a flag.

    Raises:
        ImageError: empty, truncated or damaged, not an image, too many pixels, or one grey value only.
        MissingDependency: a DICOM file without the packages that read it.
    """
    path = Path(path)
    data = _read_bytes(path)
    if dicom.is_dicom(data, path.suffix):
        grey, spacing, flags = dicom.decode(data, path, keep_refused)
        width, height = grey.size
    else:
        grey, (width, height) = raster.decode(data, path, shortest_side)
        spacing, flags = None, ()
    array = raster.reduce(np.asarray(grey, np.uint8), raster.reduced_size((width, height), shortest_side))
    if array.min() == array.max():
        raise ImageError(f"{path}: every pixel has the grey value {array.min()}; not a film, leave it out")
    scaled = spacing * width / array.shape[1] if spacing else None
    return Pixels(array, width, height, scaled, flags)


def reduced(film: NDArray[np.uint8], shortest_side: int | None) -> NDArray[np.uint8]:
    """`film` (H, W) with its shortest side at most `shortest_side`, proportions kept."""
    height, width = film.shape
    return raster.reduce(film, raster.reduced_size((width, height), shortest_side))


def _read_bytes(path: Path) -> bytes:
    try:
        data = archives.read_bytes(path)
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file") from None
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error})") from None
    except DataError as error:
        raise ImageError(str(error)) from None
    if not data:
        raise ImageError(f"{path}: is empty (0 bytes); fetch the file again")
    return data


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
