from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from scipy.fft import dctn

from plainfilm import phantom
from plainfilm.image_analysis.perceptual_hash import perceptual_hash, spectrum
from plainfilm.io.area_resize import area_mean


def bits(film: np.ndarray) -> np.ndarray:
    return np.unpackbits(np.frombuffer(bytes.fromhex(perceptual_hash(spectrum(film))), np.uint8))


@pytest.fixture(scope="module")
def film() -> np.ndarray:
    return phantom.render("PA", size=256)


def test_the_spectrum_is_the_cosine_transform(film: np.ndarray) -> None:
    waves = dctn(area_mean(film, 64, 64).astype(float), norm="ortho")[:17, :17].ravel()[1:257]
    assert spectrum(film) == pytest.approx(waves / np.abs(waves).mean())


def test_copies_keep_their_hash(film: np.ndarray) -> None:
    small = np.asarray(Image.fromarray(film).resize((171, 171)))
    packed = BytesIO()
    Image.fromarray(film).save(packed, "JPEG", quality=40)
    bright = np.clip(film * 1.15 + 10, 0, 255).astype(np.uint8)
    for copy in (small, np.asarray(Image.open(packed)), bright):
        assert (bits(copy) != bits(film)).sum() <= 16


def test_two_patients_differ(film: np.ndarray) -> None:
    other = phantom.render("PA", size=256, seed=1)
    assert (bits(other) != bits(film)).sum() > 50


@pytest.mark.parametrize("shape", [(1, 2), (8, 200), (63, 64)])
def test_small_films_have_a_hash_too(shape: tuple[int, int]) -> None:
    film = np.arange(shape[0] * shape[1], dtype=np.uint8).reshape(shape)
    assert len(perceptual_hash(spectrum(film))) == 64
