"""What the package says of itself to somebody who asks it."""

from __future__ import annotations

import inspect
import pydoc
import re
from importlib import import_module

import numpy as np
import pytest

import plainfilm


def test_help_lists_what_there_is():
    text = pydoc.plain(pydoc.render_doc(plainfilm))
    for name in set(plainfilm.__all__) - {"__version__"}:
        assert re.search(rf"^    {name}\b", text, re.MULTILINE), name


@pytest.mark.parametrize("name", re.findall(r"^    (plainfilm\.\w+)  ", plainfilm.__doc__, re.MULTILINE))
def test_every_part_that_help_names_is_there(name):
    import_module(name)


@pytest.mark.parametrize("name", sorted(set(plainfilm.__all__) - {"__version__"}))
def test_everything_public_says_what_it_gives_and_which_errors_there_are(name):
    text = inspect.getdoc(getattr(plainfilm, name))
    assert "Raises:" in text


def test_objects_say_what_they_are(tiny_model, small_world):
    model = plainfilm.load(tiny_model)
    assert repr(model).startswith("<Model 'tiny', dual_encoder: encodes images, encodes texts")
    path = small_world.image_path(small_world.table("images")["path"][0].as_py())
    assert repr(plainfilm.read_image(path, 32)) == "<Film of 32 x 36 pixels, reduced from 64 x 72>"
    assert repr(model.encode_film(path)).startswith("<Film of 64 x 72 pixels, encoded by model ")
    found = model.similarity_map(path, "effusion")
    assert repr(found).startswith("<Map of ")
    prompts = {"Edema": ("edema", "no edema")}
    assert re.fullmatch(r"<Zero-shot scores: Edema \d\.\d{3}>", repr(model.zero_shot(path, prompts)))
    assert repr(model.zero_shot([path, path], prompts)) == "<Zero-shot scores of 2 images, 1 observations>"


def test_a_model_takes_what_a_collection_and_read_image_give(tiny_model, small_world):
    model = plainfilm.load(tiny_model)
    path = small_world.image_path(small_world.table("images")["path"][0].as_py())
    vectors = model.encode_images(path)
    film = plainfilm.open(small_world.path).films()[0]
    assert np.array_equal(model.encode_images(film), vectors)
    assert np.array_equal(model.encode_images(plainfilm.read_image(path)), vectors)
    both = model.encode_images([film, plainfilm.read_image(path)])
    assert np.allclose(both, np.repeat(vectors, 2, axis=0), atol=1e-5)
