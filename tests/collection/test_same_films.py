"""Which films are one, by what their pixels have in common."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from plainfilm.collection import same_films as module
from plainfilm.collection.same_films import connected, same_films
from plainfilm.seeding import generator


def found(folder: Path, *films: np.ndarray) -> list[list[int]]:
    """The groups of films (64, 64) taken to be one, all of them candidates by their hash."""
    files = [folder / f"{place}.png" for place in range(len(films))]
    for film, file in zip(films, files, strict=True):
        PillowImage.fromarray(film).save(file)
    pairs = np.array([(*pair, 0) for pair in combinations(range(len(films)), 2)], dtype=np.int32)
    kept = same_films(pairs, lambda images: [files[image] for image in images])
    return [group.tolist() for group in connected(kept)]


def noise(seed: int) -> np.ndarray:
    """(64, 64) with mean 0 and spread 1."""
    values = generator("films", seed).normal(size=(64, 64))
    return (values - values.mean()) / values.std()


def grey(values: np.ndarray) -> np.ndarray:
    return np.clip(128 + 28 * values, 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize(("correlation", "is_one"), [(0.92, False), (0.96, False), (0.98, True), (1.0, True)])
def test_films_are_one_from_a_correlation_of_97_percent(
    tmp_path: Path, correlation: float, is_one: bool
) -> None:
    first, other = noise(0), noise(1)
    other -= first * np.mean(first * other)
    other /= other.std()
    second = correlation * first + np.sqrt(1 - correlation**2) * other
    films = grey(first), grey(second)
    assert np.corrcoef(*(film.ravel() for film in films))[0, 1] == pytest.approx(correlation, abs=0.005)
    assert found(tmp_path, *films) == ([[0, 1]] if is_one else [])


def test_brighter_and_flatter_is_still_the_same_film(tmp_path: Path) -> None:
    film = noise(0)
    assert found(tmp_path, grey(film), grey(0.5 * film + 1)) == [[0, 1]]


def test_hashes_speak_for_the_candidates_that_are_too_many_to_compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = [grey(noise(seed)) for seed in range(4)]
    assert found(tmp_path, *films) == []
    # Compared are the first two of the six pairs, of films 0 and 1, and 0 and 2.
    monkeypatch.setattr(module, "_COMPARED", 2)
    assert found(tmp_path, *films) == [[0, 1, 2, 3]]
    monkeypatch.setattr(module, "_COMPARED", 5)
    assert found(tmp_path, *films) == [[2, 3]]


def test_groups_are_chains_in_the_order_of_their_first_films() -> None:
    pairs = np.array([[7, 9, 0], [2, 5, 0], [5, 8, 0], [3, 9, 0]], dtype=np.int32)
    assert [group.tolist() for group in connected(pairs)] == [[2, 5, 8], [3, 7, 9]]
    assert connected(pairs[:0]) == []
