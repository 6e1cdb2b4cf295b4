"""Means over areas against their definition in floating point."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from plainfilm.io.areas import area_mean


def matrix(length: int, wanted: int) -> NDArray[np.float64]:
    """The share of every input pixel in every output pixel, along one axis."""
    edges = np.arange(wanted + 1) * length / wanted
    pixels = np.arange(length)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.clip(covered, 0, None) * wanted / length


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ((1528, 1272), (615, 512)),
        ((300, 301), (299, 300)),
        ((64, 48), (32, 24)),
        ((500, 9), (7, 9)),
        ((3, 1), (1, 1)),
    ],
)
def test_every_pixel_is_the_mean_over_its_area(before: tuple[int, int], after: tuple[int, int]) -> None:
    film = np.random.default_rng(0).integers(0, 256, before, dtype=np.uint8)
    wanted = matrix(before[0], after[0]) @ film @ matrix(before[1], after[1]).T
    assert (
        np.abs(area_mean(film, *after) - wanted).max() < 0.58
    )  # half a grey value by rounding, the rest by the weights of 14 bits


@pytest.mark.parametrize("grey", [0, 1, 128, 255])
def test_an_even_film_stays_even(grey: int) -> None:
    assert (area_mean(np.full((777, 333), grey, np.uint8), 100, 43) == grey).all()
