"""Opens one film for the workbench: its display picture and its values, as files that a browser reads.

The picture is made at once, the values are compressed when they are asked for: a person waits for the first.
"""

from __future__ import annotations

import hashlib
import secrets
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from plainfilm.io.film_values import FilmValues
from plainfilm.io.images import read_image, read_values
from plainfilm.sources.common.film_header import view_in
from plainfilm.types import View

DISPLAY, VALUES = "display.png", "values.deflate"
"""The picture at the window of the file, 8-bit grey; and all values, deflated (zlib, RFC 1950), 16 bits each,
little endian, row by row."""

_RAW = "values.raw"
_FAST = 1
"""Levels of compression: a film is sent once, over a short way."""


@dataclass(frozen=True)
class OpenedFilm:
    """What a film is. width, height: pixels of the file as opened. spacing_mm: side of a pixel, if stated.

    bits: of a value; with more than 8, there are `packed_values`, and `low` and `high` are the values that
    are black and white in the display picture. flags: what a person should look at. sha256: of the file.
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
    # Runs of filtered pixels alone are looked for: a third less time, and the noise of films has no others.
    Image.fromarray(film.array).save(folder / DISPLAY, compress_level=_FAST, compress_type=zlib.Z_RLE)
    values = read_values(file) or FilmValues(film.array.astype(np.uint16), 8, 0.0, 255.0)
    if values.bits > 8:
        values.values.astype("<u2", copy=False).tofile(folder / _RAW)
    return OpenedFilm(
        *(width, height, film.spacing_mm, view_in(file), values.bits, values.low, values.high, film.flags),
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        bytes_on_disk=sum(one.stat().st_size for one in folder.iterdir()),
    )


def packed_values(folder: Path) -> Path | None:
    """The file `VALUES` of the film in a folder; `None` for a film of 8 bits, or one that was removed."""
    packed, raw = folder / VALUES, folder / _RAW
    if not packed.is_file():
        part = folder / secrets.token_hex(8)
        try:
            part.write_bytes(zlib.compress(raw.read_bytes(), _FAST))
            part.replace(packed)
        except FileNotFoundError:  # or somebody else has packed them just now
            return packed if packed.is_file() else None
        raw.unlink(missing_ok=True)
    return packed
