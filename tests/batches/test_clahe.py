"""Local contrast against a plain statement of the method, pixel by pixel, as OpenCV states it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from plainfilm.batches.clahe import equalise
from plainfilm.seeding import generator


def one_curve(tile: np.ndarray, clip_limit: float) -> list[int]:
    """The curve of one tile: histogram, cut off, what was cut off handed out, summed up."""
    counts = [int((tile == grey).sum()) for grey in range(256)]
    limit = max(int(clip_limit * tile.size / 256), 1)
    cut_off = sum(max(count - limit, 0) for count in counts)
    counts = [min(count, limit) + cut_off // 256 for count in counts]
    left, place = cut_off % 256, 0
    step = max(256 // left, 1) if left else 1
    while place < 256 and left:
        counts[place] += 1
        place, left = place + step, left - 1
    scale = np.float32(255 / tile.size)
    return [min(int(np.rint(np.float32(sum(counts[: grey + 1])) * scale)), 255) for grey in range(256)]


def plainly(film: np.ndarray, clip_limit: float, tiles: int) -> np.ndarray:
    """`equalise` in loops, for films of whole tiles."""
    height, width = film.shape[0] // tiles, film.shape[1] // tiles
    curve = {
        (i, j): one_curve(film[i * height : (i + 1) * height, j * width : (j + 1) * width], clip_limit)
        for i in range(tiles)
        for j in range(tiles)
    }
    found = np.zeros(film.shape)
    inside = lambda tile: min(max(tile, 0), tiles - 1)  # noqa: E731
    for (y, x), grey in np.ndenumerate(film):
        down, right = y / height - 0.5, x / width - 0.5
        i, j = math.floor(down), math.floor(right)
        for row, weight in ((i, 1 - (down - i)), (i + 1, down - i)):
            for column, other in ((j, 1 - (right - j)), (j + 1, right - j)):
                found[y, x] += weight * other * curve[inside(row), inside(column)][grey]
    return found


@pytest.mark.parametrize("clip_limit", [1.0, 2.5, 4.0])
def test_it_is_the_plain_method(clip_limit: float) -> None:
    film = (generator("clahe").random((32, 48)) ** 2 * 200).astype(np.uint8)
    found = equalise(film, clip_limit, tiles=4)
    assert np.abs(found - plainly(film, clip_limit, 4)).max() <= 0.501


def test_a_flat_film_stays_flat() -> None:
    assert len(np.unique(equalise(np.full((64, 64), 90, dtype=np.uint8)))) == 1


def test_low_contrast_is_widened() -> None:
    film = (generator("low").random((64, 64)) * 30 + 100).astype(np.uint8)
    assert np.ptp(equalise(film)) > 2 * np.ptp(film)


@pytest.mark.parametrize("shape", [(61, 75), (64, 75), (9, 200), (8, 8)])
def test_any_shape_keeps_its_shape(shape: tuple[int, int]) -> None:
    film = generator(shape).integers(0, 255, shape, dtype=np.uint8)
    assert equalise(film).shape == shape


def test_it_is_opencvs_to_the_grey_value() -> None:
    cv2 = pytest.importorskip("cv2")
    for number, shape in enumerate([(224, 224), (61, 200), (100, 73)]):
        film = generator("opencv", number).integers(0, 255, shape, dtype=np.uint8)
        assert np.array_equal(equalise(film, 3.0), cv2.createCLAHE(3.0, (8, 8)).apply(film))
