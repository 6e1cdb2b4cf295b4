from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from plainfilm import phantom


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shenzhen_tb") / "raw"
    phantom.write("shenzhen_tb", root, studies=12, size=96, workers=1)
    return root


def test_films_are_numbered_from_one_the_normal_ones_first(root: Path) -> None:
    names = sorted(path.stem for path in (root / "CXR_png").iterdir())
    assert [int(name.split("_")[1]) for name in names] == list(range(1, len(names) + 1))
    assert [name[-1] for name in names] == sorted(name[-1] for name in names)


def test_every_film_has_a_reading_that_begins_with_sex_and_age(root: Path) -> None:
    for film in (root / "CXR_png").iterdir():
        first, reading = (root / "ClinicalReadings" / f"{film.stem}.txt").read_text().splitlines()
        assert re.match(r"(male|female|femal)[ ,]*\d+yrs\s*$", first, re.IGNORECASE), first
        assert (reading == "normal") == film.stem.endswith("_0")


def test_grey_films_are_mostly_saved_in_colour(root: Path) -> None:
    modes = []
    for path in (root / "CXR_png").iterdir():
        with Image.open(path) as film:
            modes.append(film.mode)
    assert {"L", "RGB"} == set(modes)
    assert modes.count("RGB") > modes.count("L")
