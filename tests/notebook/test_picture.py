"""`plainfilm.show`: pictures of films in every form, with boxes and a map at their places."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

import plainfilm
from plainfilm.datasets import Films
from plainfilm.errors import ImageError, UsageError
from plainfilm.geometry import Geometry
from plainfilm.pages.colours import BOXES
from plainfilm.predictor import FoundText, SimilarityMap
from plainfilm.types import Box

GREY = np.random.default_rng(0).integers(20, 60, (400, 600), dtype=np.uint8)
"""A film of 600 x 400 pixels, drawn as it is."""


def drawn(picture) -> np.ndarray:
    """(h, w, 3) of the PNG that a notebook shows."""
    return np.asarray(Image.open(io.BytesIO(picture._repr_png_())).convert("RGB")).astype(int)


def pixels_of(colour: str, image: np.ndarray) -> np.ndarray:
    """(N, 2) x, y of all pixels of about this colour."""
    wanted = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)])
    rows, columns = np.nonzero(np.abs(image - wanted).max(axis=2) < 60)
    return np.stack([columns, rows], axis=1)


@pytest.fixture
def file(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "film.png")
    return tmp_path / "film.png"


@pytest.mark.parametrize(
    "form",
    [
        lambda file: file,
        str,
        Image.open,
        lambda file: GREY,
        lambda file: torch.from_numpy(GREY),
        lambda file: torch.from_numpy(GREY)[None] / 255,
        plainfilm.read_image,
    ],
    ids=["path", "string", "PIL image", "array", "tensor", "float tensor", "read_image"],
)
def test_a_film_of_every_form_is_the_same_picture(form, file):
    assert np.array_equal(plainfilm.show(form(file)).film, GREY)


def test_a_film_of_a_collection_is_shown_with_its_boxes(small_world):
    film = Films(small_world)[0]
    assert np.array_equal(plainfilm.show(film).film, film.pixels)
    boxed = film.__class__(**{**film.__dict__, "boxes": (Box("Nodule", "observation", 1, 2, 30, 40),)})
    assert [(box.name, box.kind) for box in plainfilm.show(boxed).boxes] == [("Nodule", "truth")]
    assert plainfilm.show(boxed, boxes=()).boxes == ()


@pytest.mark.parametrize("kind", ["truth", "prediction", "other"])
def test_a_box_is_drawn_where_it_is(kind):
    corners = (120.0, 100.0, 300.0, 250.0)
    found = {
        "truth": Box("Mass", "observation", *corners),
        "prediction": FoundText("Mass", np.array([corners]), np.array([0.9], dtype=np.float32)),
        "other": corners,
    }[kind]
    places = pixels_of(BOXES[kind], drawn(plainfilm.show(GREY, boxes=found))[105:])  # below its name
    assert places[:, 0].min() == pytest.approx(120, abs=3)
    assert places[:, 0].max() == pytest.approx(300, abs=3)
    assert places[:, 1].max() + 105 == pytest.approx(250, abs=3)


def test_boxes_have_the_names_they_are_given():
    array = np.array([[0, 0, 10, 10], [5, 5, 20, 20]])
    assert [box.name for box in plainfilm.show(GREY, boxes=array).boxes] == ["box 1", "box 2"]
    assert [box.name for box in plainfilm.show(GREY, boxes=[(0, 0, 9, 9)]).boxes] == ["box 1"]
    named = plainfilm.show(GREY, boxes={"heart": array[0], "lungs": torch.from_numpy(array)})
    assert [box.name for box in named.boxes] == ["heart", "lungs", "lungs"]
    found = FoundText("effusion", array.astype(float), np.array([0.8, 0.3], dtype=np.float32))
    assert [box.score for box in plainfilm.show(GREY, boxes=[found]).boxes] == pytest.approx([0.8, 0.3])


def a_map(film=(600, 400)) -> SimilarityMap:
    grid = np.zeros((8, 8), dtype=np.float32)
    grid[:, 4:] = 1
    return SimilarityMap("effusion", grid, 0.5, Geometry(film, 64, (0.0, 0.0, *map(float, film))))


def test_a_map_colours_the_side_that_is_similar():
    image = drawn(plainfilm.show(GREY, map=a_map()))
    plain, coloured = image[:400, :600], image[:400, 616:1216]
    assert (np.ptp(plain, axis=2) == 0).all()
    red_over_blue = (coloured[..., 0] - coloured[..., 2]).mean(axis=0)
    assert red_over_blue[:200].max() < 0 < red_over_blue[400:].min()  # violet, and yellow


def test_html_has_the_boxes_and_escapes_what_is_said():
    html = plainfilm.show(GREY, boxes={"<b>": (1, 2, 3, 4)}, text="1 < 2", map=a_map())._repr_html_()
    assert 'x="1.0" y="2.0" width="2.0" height="2.0"' in html
    assert "&lt;b&gt;" in html
    assert "1 &lt; 2" in html
    assert html.count('<svg class="film') == 2


@pytest.mark.parametrize(("text", "sentences"), [("A.", ("A.",)), (["A.", "B."], ("A.", "B.")), (None, ())])
def test_texts_are_sentences(text, sentences):
    assert plainfilm.show(GREY, text=text).sentences == sentences


def test_it_is_saved_by_the_ending_of_the_name(tmp_path):
    picture = plainfilm.show(GREY, boxes=(1, 2, 30, 40), text="Clear.")
    with Image.open(picture.save(tmp_path / "film.png")) as saved:
        assert saved.size[0] == 600
    assert picture.save(tmp_path / "film.html").read_text().startswith("<!doctype html>")
    with pytest.raises(UsageError, match=r"film.jpg: a picture is saved as \.png or \.html"):
        picture.save(tmp_path / "film.jpg")


def test_it_says_what_it_is():
    picture = plainfilm.show(GREY, boxes=(1, 2, 30, 40), map=a_map(), text="A.")
    assert repr(picture) == "<Picture of a film of 600 x 400 pixels, 1 box, map of 'effusion', 1 sentence>"


@pytest.mark.parametrize("boxes", ["left", 3, [(1, 2, 3)], [object()]])
def test_boxes_of_another_form_are_refused_with_the_forms_that_there_are(boxes):
    with pytest.raises(UsageError, match="give corners x0, y0, x1, y1"):
        plainfilm.show(GREY, boxes=boxes)


def test_a_map_of_another_film_is_refused():
    with pytest.raises(UsageError, match="of a film of 60 x 40 pixels, this one has 600 x 400"):
        plainfilm.show(GREY, map=a_map((60, 40)))


def test_what_is_no_film_is_refused(tmp_path):
    with pytest.raises(ImageError):
        plainfilm.show(tmp_path / "none.png")
