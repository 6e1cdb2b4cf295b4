from __future__ import annotations

import numpy as np
import pytest

from plainfilm.collection.near_duplicates import RADIUS, near_duplicate_pairs
from plainfilm.seeding import generator


def hashes(*rows: np.ndarray) -> list[str]:
    return [np.packbits(row).tobytes().hex() for row in rows]


def changed(bits: np.ndarray, count: int, seed: int) -> np.ndarray:
    other = bits.copy()
    other[generator(seed).permutation(len(bits))[:count]] ^= 1
    return other


@pytest.fixture
def many() -> np.ndarray:
    return generator("hashes").integers(0, 2, (3000, 256), dtype=np.uint8)


@pytest.mark.parametrize("bits", [0, 1, 15, RADIUS])
def test_pairs_within_the_radius_are_found(many: np.ndarray, bits: int) -> None:
    planted = np.vstack([many, *(changed(many[row], bits, row) for row in range(0, 3000, 100))])
    found = near_duplicate_pairs(hashes(*planted))
    assert found.tolist() == [[row, 3000 + place, bits] for place, row in enumerate(range(0, 3000, 100))]


def test_pairs_beyond_the_radius_are_not(many: np.ndarray) -> None:
    assert len(near_duplicate_pairs(hashes(many[0], changed(many[0], RADIUS + 1, 1)))) == 0


def test_it_agrees_with_comparing_every_pair() -> None:
    seeds = generator("clusters").integers(0, 2, (40, 256), dtype=np.uint8)
    rows = np.vstack([changed(seeds[n % 40], int(generator(n).integers(0, 40)), n) for n in range(400)])
    distance = (rows[:, None] != rows[None]).sum(axis=2)
    first, second = np.nonzero(np.triu(distance <= RADIUS, 1))
    expected = np.stack([first, second, distance[first, second]], axis=1)
    assert near_duplicate_pairs(hashes(*rows)).tolist() == expected.tolist()


def test_one_film_over_and_over_is_every_pair_once() -> None:
    assert len(near_duplicate_pairs(["0f" * 32] * 20)) == 190
    assert len(near_duplicate_pairs(["0f" * 32] * 200)) == 19_900


def test_none_and_one() -> None:
    assert near_duplicate_pairs([]).shape == (0, 3)
    assert near_duplicate_pairs(["00" * 32]).shape == (0, 3)
