"""The tuning of boxes: kept in the model folder, followed by every answer."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from torchvision.ops import nms

from plainfilm.errors import ModelError
from plainfilm.predictor import load
from plainfilm.predictor.box_tuning import (
    BOX_TUNING_FILE,
    BoxTuning,
    logit,
    prompt_score,
    scaled,
    unsuppressed,
    write_box_tuning,
)

TEXT = "Large left pleural effusion."


@pytest.fixture
def folder(tiny_region_model, tmp_path):
    shutil.copytree(tiny_region_model, tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture(scope="module")
def film(small_world):
    return small_world.image_path(small_world.table("images")["path"].to_pylist()[0])


def tune(folder, **values):
    fingerprint = load(folder).fingerprint
    write_box_tuning(folder, BoxTuning(model_fingerprint=fingerprint, **values))
    return load(folder)


def test_a_larger_scale_gives_boxes_of_longer_sides_about_the_same_centre():
    boxes = np.array([[40.0, 40, 60, 50], [0, 0, 10, 10]])
    assert scaled(boxes, 2.0, (100, 100)).tolist() == [[30, 35, 70, 55], [0, 0, 15, 15]]
    assert scaled(boxes, 1.0, (100, 100)) is boxes


@pytest.mark.parametrize("seed", range(5))
def test_suppression_is_that_of_torchvision(seed):
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 20, (12, 2))
    boxes = np.concatenate([low, low + rng.uniform(5, 30, (12, 2))], axis=1)
    expected = nms(torch.tensor(boxes), torch.linspace(1, 0, 12).double(), 0.3).tolist()
    assert unsuppressed(boxes, 0.3).tolist() == expected
    assert unsuppressed(boxes, None).tolist() == list(range(12))


def test_scores_by_prompt_are_the_sigmoid_of_the_margin():
    own, margins = np.array([0.5, 0.2]), np.array([0.1, -0.1])
    by_prompt = 1 / (1 + np.exp(-margins / 0.05))
    np.testing.assert_allclose(prompt_score("prompt", own, margins, 0.05), by_prompt)
    np.testing.assert_allclose(prompt_score("both", own, margins, 0.05), own * by_prompt)
    assert prompt_score("own", own, margins, 0.05) is own


def test_an_untuned_model_answers_as_it_is(tiny_region_model, film):
    predictor = load(tiny_region_model)
    assert predictor.box_tuning is None
    assert len(predictor.locate(film, TEXT)[0].boxes) == 3


def test_answers_follow_scale_and_calibration(folder, film):
    [before] = load(folder).locate(film, TEXT)
    predictor = tune(folder, scale=1.5, scales={TEXT.lower(): 0.5}, slope=2.0, bias=-1.0)
    [after] = predictor.locate(film, TEXT)
    np.testing.assert_allclose(
        after.scores, 1 / (1 + np.exp(-(2 * logit(before.scores.astype(float)) - 1))), rtol=1e-5
    )
    sides = [boxes[:, 2:] - boxes[:, :2] for boxes in (before.boxes, after.boxes)]
    np.testing.assert_allclose(sides[1], sides[0] / 2, atol=1e-4)
    [other] = predictor.locate(film, "The heart is enlarged.")
    assert (other.boxes[:, 2:] - other.boxes[:, :2]).mean() > sides[0].mean()


def test_below_the_threshold_nothing_is_found_but_evaluations_see_all_boxes(folder, film):
    predictor = tune(folder, threshold=1.0)
    assert len(predictor.locate(film, TEXT)[0].boxes) == 0
    [(_, [found])] = predictor.stream_located([film], [[TEXT]])
    assert len(found.boxes) == 3


def test_scores_by_prompt_hold_for_prompts_with_a_denial_only(folder, film):
    [before] = load(folder).locate(film, TEXT)
    predictor = tune(folder, score="prompt", temperature=0.05, denials={TEXT.lower(): "No effusion."})
    [after] = predictor.locate(film, TEXT)
    vectors = predictor.encode_regions(film, after.boxes)
    texts = predictor.encode_texts([TEXT, "No effusion."])
    margins = vectors @ (texts[0] - texts[1])
    np.testing.assert_allclose(after.scores, 1 / (1 + np.exp(-margins / 0.05)), rtol=1e-3)
    other = "The heart is enlarged."
    np.testing.assert_array_equal(
        predictor.locate(film, other)[0].scores, load_untuned(predictor, film, other).scores
    )
    assert not np.allclose(np.sort(after.scores), np.sort(before.scores))


def load_untuned(predictor, film, text):
    return predictor.without_tuning().locate(film, text)[0]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_fingerprint": "other"}, "was made for other weights"),
        ({"format_version": 9}, "format 9"),
        ({"scale": -1.0}, "scale"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_a_file_that_does_not_fit_is_one_line_with_the_way_out(folder, change, reason):
    tune(folder, scale=1.5)
    path = folder / BOX_TUNING_FILE
    document = json.loads(path.read_text())
    document.pop("sha256")
    path.write_text(json.dumps(document | change))
    with pytest.raises(ModelError, match=f"{reason}.*plainfilm tune") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_it_is_written_into_model_folders_only(tmp_path):
    with pytest.raises(ModelError, match="not a model folder"):
        write_box_tuning(tmp_path, BoxTuning(model_fingerprint="x"))
