"""Models that come with Plainfilm: found by name, left as they are, labelled for what they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import plainfilm
from plainfilm.cli.main import run
from plainfilm.demo.films import phantom_films
from plainfilm.errors import ModelError, UsageError
from plainfilm.model_folder import find_model, read_model_config, shipped_models
from plainfilm.model_folder.config import TOY
from plainfilm.predictor.operating_points import read_operating_points, write_operating_points

LARGEST = 6_000_000


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


@pytest.mark.parametrize("name", shipped_models())
def test_it_loads_by_name_is_small_and_says_what_it_is(name: str) -> None:
    model = plainfilm.load(name)
    assert model.name == name
    assert size(find_model(name)) <= LARGEST
    assert model.config.notice == TOY
    assert TOY in (find_model(name) / "README.md").read_text("utf-8")
    assert {"encodes_images", "encodes_texts", "locates_by_patches"} <= model.abilities


def test_a_folder_of_that_name_goes_first(tiny_model: Path, tmp_path: Path, monkeypatch) -> None:
    shutil.copytree(tiny_model, tmp_path / "nano")
    monkeypatch.chdir(tmp_path)
    assert plainfilm.load("nano").fingerprint == read_model_config(tiny_model).fingerprint


def test_another_name_lists_those_there_are(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ModelError, match=r"nanno: no such model folder \(models that come with Plainfilm: nano\)"
    ):
        plainfilm.load("nanno")


def test_it_is_not_changed_in_place() -> None:
    folder = find_model("nano")
    points = read_operating_points(folder, read_model_config(folder).fingerprint)
    assert points is not None
    with pytest.raises(UsageError, match="comes with Plainfilm and is not changed; copy"):
        write_operating_points(folder, points)


def test_predict_takes_the_name_and_says_toy_table_and_whether_the_film_is_like_that(capsys) -> None:
    film = phantom_films()[0]
    assert run(["predict", "nano", str(film.path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("model nano, trained on: ")
    assert "(phantoms); views PA, AP, AP_SUPINE" in lines[0]
    assert lines[1] == TOY
    assert any(line.split() == ["finding", "probability", "decision", "for", "against"] for line in lines)
    assert any("nothing unlike the films of training" in line for line in lines)


def test_its_page_says_toy(tmp_path: Path) -> None:
    film = phantom_films()[0]
    assert run(["predict", "nano", str(film.path), "--html", str(tmp_path / "page.html")]) == 0
    assert TOY in (tmp_path / "page.html").read_text("utf-8")


def test_the_films_are_small() -> None:
    films = phantom_films()
    assert len(films) == 8
    assert sum(film.path.stat().st_size for film in films) <= 1_000_000
