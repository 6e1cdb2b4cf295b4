"""Which films are one, by what their pixels have in common."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as PillowImage

from plainfilm.collection import duplicates
from plainfilm.collection.duplicates import near_duplicates
from plainfilm.seeding import generator


class Folder:
    """Where the films are."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def image_path(self, relative: str) -> Path:
        return self.path / relative


def found(folder: Path, *films: np.ndarray) -> list[list[str]]:
    """The groups of films (64, 64) taken to be one, all of them candidates by their hash."""
    rows = []
    for place, film in enumerate(films):
        PillowImage.fromarray(film).save(folder / f"{place}.png")
        rows.append(
            {
                **{"collection": "c", "corpus": "c", "patient_id": f"p{place}", "split": "train"},
                **{"image_id": f"film{place}", "path": f"{place}.png", "sha256": str(place)},
                "perceptual_hash": "0f" * 32,
            }
        )
    entries = near_duplicates(pd.DataFrame(rows), {"c": Folder(folder)})  # type: ignore[dict-item]
    return [entry["ids"] for entry in entries]


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
    assert found(tmp_path, *films) == ([["film0", "film1"]] if is_one else [])


def test_brighter_and_flatter_is_still_the_same_film(tmp_path: Path) -> None:
    film = noise(0)
    assert found(tmp_path, grey(film), grey(0.5 * film + 1)) == [["film0", "film1"]]


def test_hashes_speak_for_the_candidates_that_are_too_many_to_compare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    films = [grey(noise(seed)) for seed in range(4)]
    assert found(tmp_path, *films) == []
    # Compared are the first two of the six pairs, of films 0 and 1, and 0 and 2.
    monkeypatch.setattr(duplicates, "_COMPARED", 2)
    assert found(tmp_path, *films) == [["film0", "film1", "film2", "film3"]]
    monkeypatch.setattr(duplicates, "_COMPARED", 5)
    assert found(tmp_path, *films) == [["film2", "film3"]]
