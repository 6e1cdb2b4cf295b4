from __future__ import annotations

import numpy as np
import pytest

from plainfilm.collection import near_duplicates
from plainfilm.collection.near_duplicates import RADIUS, near_duplicate_pairs
from plainfilm.seeding import generator


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images are looked up, and candidates compared, in many parts."""
    monkeypatch.setattr(near_duplicates, "_AT_ONCE", 999)


def hashes(*rows: np.ndarray) -> np.ndarray:
    return np.packbits(np.array(rows), axis=1)


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
    film = np.full((200, 32), 0x0F, np.uint8)
    assert len(near_duplicate_pairs(film[:20])) == 190
    assert len(near_duplicate_pairs(film)) == 19_900


@pytest.mark.parametrize("part", [7, 1 << 16])
def test_no_more_pairs_than_the_most_are_listed(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """All films are still in one group: the first is paired with each of the others before any other is."""
    monkeypatch.setattr(near_duplicates, "MOST_PAIRS", 199)
    monkeypatch.setattr(near_duplicates, "_AT_ONCE", part)
    found = near_duplicate_pairs(np.full((200, 32), 0x0F, np.uint8))
    assert found.tolist() == [[0, other, 0] for other in range(1, 200)]


def test_none_and_one() -> None:
    assert near_duplicate_pairs(np.empty((0, 32), np.uint8)).shape == (0, 3)
    assert near_duplicate_pairs(np.zeros((1, 32), np.uint8)).shape == (0, 3)
