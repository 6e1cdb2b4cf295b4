"""Films in pages: small enough to send, with the size of the stored image to place boxes in."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from plainfilm.errors import ImageError
from plainfilm.io.images import read_image
from plainfilm.pages.render import data_uri

SMALL, LARGE = 256, 640
"""Longest side in pixels of a film in a row of others, and of one that is looked at for its boxes."""


@dataclass(frozen=True)
class FilmPicture:
    """A film as a data URI, and width and height (pixels) of the stored image it was made from.

    `uri` is empty where the image cannot be opened.
    """

    uri: str
    width: int
    height: int


def film_picture(path: Path | str, longest_side: int = SMALL) -> FilmPicture:
    """The film in `path`, of at most `longest_side` pixels; an empty picture where it cannot be opened."""
    try:
        pixels = read_image(Path(path), shortest_side=longest_side)
    except ImageError:
        return FilmPicture("", 1, 1)
    film = Image.fromarray(pixels.array)
    film.thumbnail((longest_side, longest_side), Image.Resampling.BOX)
    stream = io.BytesIO()
    film.save(stream, "JPEG", quality=82)
    return FilmPicture(data_uri(stream.getvalue(), "jpeg"), pixels.original_width, pixels.original_height)
