"""Films are ranked, and points are taken, from all boxes of a model, whatever it was tuned to show."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from plainfilm.predictor import load
from plainfilm.predictor.box_tuning import BoxTuning, write_box_tuning
from plainfilm.prompts import load_pack
from plainfilm.tasks.auditing.asking import LOCATES, questions
from plainfilm.tasks.auditing.pointing import pointer

NAMES = ("Pleural Effusion", "Cardiomegaly")


@pytest.fixture(scope="module")
def models(tiny_region_model, tmp_path_factory):
    """A model as trained, and the same tuned to show no box at all."""
    folder = tmp_path_factory.mktemp("tuned") / "tiny"
    shutil.copytree(tiny_region_model, folder)
    write_box_tuning(folder, BoxTuning(model_fingerprint=load(folder).fingerprint, threshold=1.0))
    return load(tiny_region_model), load(folder)


@pytest.fixture(scope="module")
def films(small_world):
    return [small_world.image_path(path) for path in small_world.table("images")["path"].to_pylist()[:3]]


def test_a_threshold_hides_no_score(models, films) -> None:
    scores = []
    for predictor in models:
        asked = questions(predictor, load_pack("chexpert"), NAMES)
        scores.append(next(one for one in asked if one.name == LOCATES).ask(iter(films)))
    np.testing.assert_allclose(*scores)
    assert scores[1].shape == (3, 2)
    assert (scores[1] > 0).all()


def test_a_threshold_hides_no_place(models, films) -> None:
    before, after = (pointer(predictor)(films[0], NAMES[0]) for predictor in models)
    assert after == pytest.approx(before)
