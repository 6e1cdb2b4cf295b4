"""Films in pages: small, with the size of the stored image; one that cannot be opened leaves no trace."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

from plainfilm.pages import film_picture


def stored(path, width, height):
    pixels = np.random.default_rng(0).integers(0, 255, (height, width), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_a_film_is_reduced_and_keeps_the_size_it_was_stored_in(tmp_path):
    picture = film_picture(stored(tmp_path / "film.png", 600, 900), longest_side=300)
    assert (picture.width, picture.height) == (600, 900)
    opened = Image.open(io.BytesIO(base64.b64decode(picture.uri.partition(",")[2])))
    assert (opened.format, opened.size) == ("JPEG", (200, 300))


def test_a_small_film_is_not_enlarged(tmp_path):
    picture = film_picture(stored(tmp_path / "film.png", 30, 40))
    assert Image.open(io.BytesIO(base64.b64decode(picture.uri.partition(",")[2]))).size == (30, 40)


def test_what_cannot_be_opened_is_an_empty_picture(tmp_path):
    (tmp_path / "film.png").write_bytes(b"no film")
    assert film_picture(tmp_path / "film.png").uri == ""
    assert film_picture(tmp_path / "none.png").uri == ""
