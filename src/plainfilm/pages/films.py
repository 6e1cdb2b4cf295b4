"""Films in pages: reduced images, with the size of the stored image as the coordinates of boxes."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from plainfilm.errors import ImageError
from plainfilm.io.images import read_image
from plainfilm.pages.render import data_uri

SMALL, LARGE = 384, 640
"""Longest side in pixels of a film in a row of others, and of a film shown with its boxes."""


@dataclass(frozen=True)
class FilmPicture:
    """A film as a data URI, and width and height (pixels) of the stored image it was made from.

    `uri` is empty if the image cannot be opened.
    """

    uri: str
    width: int
    height: int


def film_picture(path: Path | str, longest_side: int = SMALL) -> FilmPicture:
    """The film in `path`, of at most `longest_side` pixels; an empty picture if it cannot be opened."""
    try:
        pixels = read_image(Path(path), shortest_side=longest_side)
    except ImageError:
        return FilmPicture("", 1, 1)
    uri = film_uri(pixels.array, longest_side)
    return FilmPicture(uri, pixels.original_width, pixels.original_height)


def film_uri(pixels: NDArray[np.uint8], longest_side: int = LARGE) -> str:
    """A film (H, W) or picture in colours (H, W, 3) of at most `longest_side` pixels as a data URI."""
    film = Image.fromarray(pixels)
    film.thumbnail((longest_side, longest_side), Image.Resampling.BOX)
    stream = io.BytesIO()
    film.save(stream, "JPEG", quality=82)
    return data_uri(stream.getvalue(), "jpeg")
