"""Opens one film for the workbench: its display picture and its values, as files that a browser reads."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from plainfilm.io.film_values import FilmValues
from plainfilm.io.images import read_image, read_values
from plainfilm.sources.common.film_header import view_in
from plainfilm.types import View

DISPLAY, VALUES = "display.png", "values.deflate"
"""The picture at the window of the file, 8-bit grey; and all values, deflated (zlib, RFC 1950), 16 bits each,
little endian, row by row."""

_FAST = 1
"""Levels of compression: a film is sent once, over a short way."""


@dataclass(frozen=True)
class OpenedFilm:
    """What a film is. width, height: pixels of the file as opened. spacing_mm: side of a pixel, if stated.

    bits: of a value; with more than 8, `VALUES` is there, and `low` and `high` are the values that are black
    and white in the display picture. flags: what a person should look at. sha256: of the file.
    """

    width: int
    height: int
    spacing_mm: float | None
    view: View
    bits: int
    low: float
    high: float
    flags: tuple[str, ...]
    sha256: str
    bytes_on_disk: int


def opened(order: tuple[Path, Path]) -> OpenedFilm:
    """The facts of a file, and its display picture and values in a folder.

    Raises:
        ImageError: it is no usable film.
    """
    file, folder = order
    film = read_image(file)
    height, width = film.array.shape
    Image.fromarray(film.array).save(folder / DISPLAY, compress_level=_FAST)
    values = read_values(file) or FilmValues(film.array, 8, 0.0, 255.0)
    if values.bits > 8:
        words = values.values.astype("<u2", copy=False)
        (folder / VALUES).write_bytes(zlib.compress(words.tobytes(), _FAST))
    return OpenedFilm(
        *(width, height, film.spacing_mm, view_in(file), values.bits, values.low, values.high, film.flags),
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        bytes_on_disk=sum(one.stat().st_size for one in folder.iterdir()),
    )
