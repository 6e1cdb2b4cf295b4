"""Means over areas against their definition in floating point."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from plainfilm.io import area_resize
from plainfilm.io.area_resize import Ramp, area_mean, occurring


@pytest.fixture(autouse=True, params=[True, False], ids=["compiled", "numpy"])
def compiled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(area_resize, "pays_off", lambda: request.param)


@pytest.mark.parametrize(
    ("before", "after"),
    [((1001, 1530), (144, 220)), ((512, 512), (511, 64)), ((90, 7), (13, 7)), ((9, 9), (9, 9))],
)
def test_compiled_and_numpy_give_the_same_bytes(
    before: tuple[int, int], after: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    film = np.random.default_rng(3).integers(0, 1 << 16, before, dtype=np.uint16)
    table = np.random.default_rng(4).integers(0, 256, 1 << 16, dtype=np.uint8)
    made = []
    for is_compiled in (True, False):
        monkeypatch.setattr(area_resize, "pays_off", lambda chosen=is_compiled: chosen)
        made.append((area_mean(table[film], *after), area_mean(film, *after, table), occurring(film)))
    for compiled, plain in zip(*made, strict=True):
        assert np.array_equal(compiled, plain)


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


WORDS = np.random.default_rng(1).integers(0, 1 << 16, (90, 70), dtype=np.uint16)


def table_of(slope: float, offset: float, bits: int) -> NDArray[np.uint8]:
    line = np.arange(1 << bits) * slope + offset
    return np.tile(np.clip(line, 0, 255).astype(np.uint8), 1 << (16 - bits))


@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("sign", [1, -1])
def test_words_are_looked_up_while_they_are_reduced(bits: int, sign: int) -> None:
    ramp = Ramp(sign * 300.0 / (1 << bits), 60.5 if sign > 0 else 200.5, (1 << bits) - 1)
    table = table_of(ramp.slope, ramp.offset, bits)
    wanted = area_mean(table[WORDS], 31, 23)
    assert np.array_equal(area_mean(WORDS, 31, 23, table), wanted)
    assert np.array_equal(area_mean(WORDS, 31, 23, table, ramp), wanted)


def test_a_ramp_that_is_not_what_the_table_says_is_not_used() -> None:
    table = table_of(0.01, 0.5, 16)
    table[77] = 200
    assert np.array_equal(
        area_mean(WORDS, 31, 23, table, Ramp(0.01, 0.5, 65535)), area_mean(table[WORDS], 31, 23)
    )


def test_which_words_occur() -> None:
    assert np.flatnonzero(occurring(np.array([[3, 9], [3, 65535]], np.uint16))).tolist() == [3, 9, 65535]
    assert len(occurring(np.zeros((2, 2), np.uint8))) == 256
