"""Pictures and numbers of maps: they agree with each other and with the film."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from plainfilm.errors import ImageError
from plainfilm.geometry import Geometry
from plainfilm.io.manifest import Manifest
from plainfilm.predictor.similarity_map import SimilarityMap
from plainfilm.results.similarity_maps import META, drawn_film, picture, writing_maps


def a_map(text: str = "effusion", low: float = -0.2, film: tuple[int, int] = (400, 640)) -> SimilarityMap:
    grid = np.linspace(low, 0.3, 64, dtype=np.float32).reshape(8, 8)
    top = (film[1] - film[0]) / 2
    geometry = Geometry(film, 64, (0.0, top, float(film[0]), film[1] - top))
    return SimilarityMap(text, grid, 0.125, geometry)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    grey = np.add.outer(np.arange(640) // 8, np.arange(400) // 8).astype(np.uint8)
    Image.fromarray(grey).save(tmp_path / "a film.png")
    return tmp_path / "a film.png"


def test_colours_of_the_picture_are_the_numbers_of_the_document(film: Path, tmp_path: Path) -> None:
    with writing_maps(tmp_path / "maps", "a model") as maps:
        maps.add(film, [a_map()])
    (entry,) = json.loads((tmp_path / "maps" / META).read_text())["films"]
    (found,) = entry["maps"]
    shown = np.asarray(Image.open(tmp_path / "maps" / found["picture"]).convert("RGB")).astype(float)
    grey = np.asarray(Image.open(film)).astype(float)
    left = 24 + 400 + 16
    np.testing.assert_array_equal(shown[64 : 64 + 640, 24 : 24 + 400], grey[..., None].repeat(3, 2))
    grid, extent = np.array(found["grid"]), found["extent"]
    side = (extent["x1"] - extent["x0"]) / 8
    assert (found["low"], found["high"]) == (grid.min(), grid.max())
    for row, column in np.ndindex(grid.shape):
        x, y = extent["x0"] + (column + 0.5) * side, extent["y0"] + (row + 0.5) * side
        colour = mpl.colormaps["viridis"]((grid[row, column] - grid.min()) / np.ptp(grid))[:3]
        expected = 0.5 * grey[int(y), int(x)] + 0.5 * 255 * np.array(colour)
        assert shown[64 + int(y), left + int(x)] == pytest.approx(expected, abs=3)


def test_what_the_model_does_not_see_is_marked(film: Path) -> None:
    cropped, whole = a_map(), a_map(film=(640, 640))
    pixels = drawn_film(film)
    shown = np.asarray(Image.open(BytesIO(picture(pixels, cropped, "f"))).convert("RGB")).astype(float)
    unseen = shown[64 : 64 + 110, 440 : 440 + 400]
    grey = pixels[:110, :, None].repeat(3, 2)
    assert np.abs(unseen - grey).max() > 100
    assert (np.ptp(unseen, axis=2) == 0).all()  # no colour of the map, which would be a number
    square = np.zeros((640, 640), dtype=np.uint8)
    shown = np.asarray(Image.open(BytesIO(picture(square, whole, "f"))).convert("RGB"))
    assert (np.ptp(shown[64 : 64 + 640, 680 : 680 + 640], axis=2) > 0).all()


@pytest.mark.parametrize("size", [(40, 64), (3000, 4800), (640, 400)])
def test_a_film_of_any_size_is_drawn(size: tuple[int, int], tmp_path: Path) -> None:
    grey = np.add.outer(np.arange(size[1]), np.arange(size[0])) % 256
    Image.fromarray(grey.astype(np.uint8)).save(tmp_path / "film.png")
    pixels = drawn_film(tmp_path / "film.png")
    assert 320 <= max(pixels.shape) <= 1024
    shape = Image.open(BytesIO(picture(pixels, a_map(film=size), "film"))).size
    assert shape[0] > 2 * pixels.shape[1]


@pytest.mark.parametrize("text", ["左側胸水", "x" * 500, "a/b\\c: <&>$x_1$", "épanchement"])
def test_any_text_becomes_a_picture_and_a_file_name(text: str, film: Path, tmp_path: Path) -> None:
    with writing_maps(tmp_path / "maps", "a model") as maps:
        maps.add(film, [a_map(text), a_map(text)])
        maps.add(film, [a_map(text)])
    films = json.loads((tmp_path / "maps" / META).read_text())["films"]
    names = [one["picture"] for entry in films for one in entry["maps"]]
    assert len(set(names)) == 3
    assert all((tmp_path / "maps" / name).is_file() for name in names)
    assert {one["text"] for entry in films for one in entry["maps"]} == {text}
    assert not list(Manifest.read(tmp_path / "maps" / META, "").damage())


def test_a_flat_map_is_drawn(film: Path) -> None:
    assert picture(drawn_film(film), a_map(low=0.3), "flat").startswith(b"\x89PNG")


def test_nothing_is_written_where_a_film_fails(film: Path, tmp_path: Path) -> None:
    with pytest.raises(ImageError), writing_maps(tmp_path / "maps", "a model") as maps:
        [maps.add(one, [a_map()]) for one in (film, tmp_path / "gone.png")]
    assert not (tmp_path / "maps" / META).exists()
