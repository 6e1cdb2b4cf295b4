from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from plainfilm.phantom.layouts.chestx_det import CLASSES
from plainfilm.phantom.write import write
from plainfilm.sources import chestx_det


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("chestx_det") / "raw"
    write("chestx_det", folder, studies=25, seed=3, size=64, workers=1)
    return folder


@pytest.fixture(scope="module")
def films(corpus: Path) -> list[dict[str, Any]]:
    lists = (corpus / f"ChestX_Det_{split}.json" for split in ("train", "test"))
    return [film for path in lists for film in json.loads(path.read_text())]


def test_the_categories_are_those_of_the_corpus() -> None:
    assert set(CLASSES.values()) == set(chestx_det.ALL)


def test_each_thing_has_a_category_a_box_and_an_outline(films: list[dict[str, Any]]) -> None:
    assert all(len(film["syms"]) == len(film["boxes"]) == len(film["polygons"]) for film in films)
    assert any(film["syms"] for film in films)
    assert any(not film["syms"] for film in films)


def test_films_are_square_and_lie_in_the_folder_of_their_split(
    corpus: Path, films: list[dict[str, Any]]
) -> None:
    paths = list(corpus.glob("t*/*.png"))
    assert {path.name for path in paths} < {film["file_name"] for film in films}
    with Image.open(paths[0]) as film:
        assert film.size == (1024, 1024)
