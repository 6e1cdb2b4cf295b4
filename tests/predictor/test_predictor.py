"""The one inference path: shapes, order, repeatability, and films that cannot be read."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch

import plainfilm
from plainfilm.errors import ImageError, ModelError, UsageError
from plainfilm.io import limits
from plainfilm.predictor import core
from plainfilm.predictor import zero_shot as prompting
from plainfilm.predictor.operating_points import OperatingPoint, OperatingPoints


@pytest.fixture(scope="module")
def predictor(tiny_model):
    return plainfilm.load(tiny_model)


@pytest.fixture(scope="module")
def films(small_world):
    return [small_world.image_path(path) for path in small_world.table("images")["path"].to_pylist()]


def test_vectors_are_unit_and_float32(predictor, films):
    for vectors in (predictor.encode_images(films[:3]), predictor.encode_texts(["a", "large effusion"])):
        assert vectors.dtype == np.float32
        assert vectors.shape[1] == predictor.dimension == 16
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-5)


def test_the_same_call_gives_the_same_bytes(predictor, films):
    assert predictor.encode_images(films).tobytes() == predictor.encode_images(films).tobytes()


def test_order_and_batches_do_not_matter(predictor, films, monkeypatch):
    whole = predictor.encode_images(films[:40])
    monkeypatch.setattr(core, "BATCH_IMAGES", 3)
    assert predictor.encode_images(films[:40][::-1])[::-1] == pytest.approx(whole, abs=1e-5)


def test_films_and_texts_with_large_arrays_are_encoded_one_by_one(predictor, films, monkeypatch):
    texts = ["Edema.", "A large left pleural effusion and no pneumothorax."] * 3
    whole = predictor.encode_images(films[:4]), predictor.encode_texts(texts)
    sizes = {"film_features": [], "encode_texts": []}
    for name, seen in sizes.items():
        method = getattr(predictor._core.model, name)
        watched = lambda *given, method=method, seen=seen: seen.append(len(given[0])) or method(*given)  # noqa: E731
        monkeypatch.setattr(predictor._core.model, name, watched)
    monkeypatch.setattr(limits, "ARRAYS_TOGETHER", 2 * predictor._core.cost.largest)
    monkeypatch.setattr(core, "USUAL_TOKENS", 1)
    parts = predictor.encode_images(films[:4]), predictor.encode_texts(texts)
    assert sizes == {"film_features": [2, 2], "encode_texts": [1] * 6}
    for one, other in zip(whole, parts, strict=True):
        assert one == pytest.approx(other, abs=1e-5)


def test_a_film_may_be_a_path_or_its_pixels(predictor, films):
    pixels = plainfilm.read_image(films[0]).array
    paths, arrays = predictor.encode_images([str(films[0])]), predictor.encode_images([pixels])
    assert paths == pytest.approx(arrays, abs=1e-6)


def test_films_are_taken_only_a_few_batches_ahead(predictor, films):
    taken = []
    stream = predictor.stream_images(taken.append(film) or film for film in films)
    next(stream)
    assert len(taken) <= (core.BATCHES_AHEAD + 1) * core.BATCH_IMAGES
    stream.close()


def test_texts_come_back_in_their_order(predictor, monkeypatch):
    texts = ["a much longer text about an effusion of the left side", "short", "of middle length"]
    alone = np.concatenate([predictor.encode_texts([text]) for text in texts])
    monkeypatch.setattr(core, "SORTED_TEXTS", 2)
    assert predictor.encode_texts(texts) == pytest.approx(alone, abs=1e-5)


def test_nothing_in_nothing_out(predictor):
    assert predictor.encode_images([]).shape == (0, 16)
    assert predictor.encode_texts([]).shape == (0, 16)


def test_a_film_that_does_not_decode_is_named(predictor, tmp_path, films):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(films[0].read_bytes()[:200])
    with pytest.raises(ImageError, match="broken.jpg"):
        predictor.encode_images([films[0], broken])


def test_a_folder_that_is_not_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError):
        plainfilm.load(tmp_path)


def test_weights_that_are_not_finite_are_noticed(predictor, monkeypatch):
    model = predictor._core.model
    monkeypatch.setattr(model, "encode_texts", lambda *_: torch.full((1, 16), float("nan")))
    with pytest.raises(ModelError, match="not finite"):
        predictor.encode_texts(["a"])


def test_zero_shot_is_the_softmax_over_a_pair_of_prompts(predictor, films):
    pair = ("There is an effusion.", "There is no effusion.")
    found = predictor.zero_shot(films[:3], {"Effusion": pair, "Turned": pair[::-1]})
    cosines = predictor.encode_images(films[:3]) @ predictor.encode_texts(pair).T
    logits = predictor.scale * cosines.astype(np.float64)
    expected = np.exp(logits[:, 0]) / np.exp(logits).sum(axis=1)
    assert found.observations == ("Effusion", "Turned")
    assert found.probability[:, 0] == pytest.approx(expected, abs=1e-5)
    assert found.probability.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert found.negative[:, 1] == pytest.approx(found.positive[:, 0])


def test_zero_shot_without_prompts_is_refused(predictor, films):
    with pytest.raises(UsageError, match="no prompts"):
        predictor.zero_shot(films[:1], {})


def test_importing_plainfilm_is_light():
    code = "import sys, plainfilm; sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = plainfilm.lode


def test_an_ensemble_is_the_unit_mean_of_its_prompts(predictor, films):
    texts = ["There is an effusion.", "fluid", "no effusion"]
    found = predictor.zero_shot(films[:2], {"Effusion": (texts[:2], texts[2])})
    vectors = predictor.encode_texts(texts)
    mean = vectors[:2].mean(axis=0)
    expected = predictor.encode_images(films[:2]) @ (mean / np.linalg.norm(mean))
    assert found.positive[:, 0] == pytest.approx(expected, abs=1e-5)


def test_the_mean_of_cosines_is_the_other_way(predictor, films):
    texts = ["There is an effusion.", "fluid"]
    found = predictor.zero_shot(films[:2], {"Effusion": (texts, "none")}, "mean_cosine")
    cosines = predictor.encode_images(films[:2]) @ predictor.encode_texts(texts).T
    assert found.positive[:, 0] == pytest.approx(cosines.mean(axis=1), abs=1e-5)


def test_what_nothing_denies_has_a_positive_score_only(predictor, films):
    found = predictor.zero_shot(films[:1], {"Effusion": ("effusion", ())})
    assert np.isfinite(found.positive).all()
    assert np.isnan(found.negative).all()
    assert np.isnan(found.probability).all()
    [[finding]] = predictor.findings(films[:1], {"Effusion": ("effusion", ())})
    assert (finding.probability, finding.negative_score, finding.abstains) == (None, None, None)


def test_what_nothing_states_is_refused(predictor, films):
    with pytest.raises(UsageError, match="no positive prompt for 'Effusion'"):
        predictor.zero_shot(films[:1], {"Effusion": ((), "no effusion")})


def test_a_text_is_encoded_once(predictor, monkeypatch):
    seen = []
    tokens = prompting.stream_texts
    monkeypatch.setattr(
        prompting, "stream_texts", lambda own, texts: seen.extend(texts) or tokens(own, texts)
    )
    predictor.prompt_vectors({"A": (["a", "b"], "c"), "B": ("b", ["c", "d"])})
    assert seen == ["a", "b", "c", "d"]


def test_films_that_cannot_be_read_keep_their_places(predictor, tmp_path, films, monkeypatch):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"junk")
    monkeypatch.setattr(core, "BATCH_IMAGES", 2)
    given, prompts = [broken, films[0], films[1], broken], {"Effusion": ("effusion", "no effusion")}
    found = list(predictor.findings(given, prompts))
    assert [isinstance(one, ImageError) for one in found] == [True, False, False, True]
    scores = [findings[0].positive_score for findings in found[1:3]]
    expected = [findings[0].positive_score for findings in predictor.findings(films[:2], prompts)]
    assert scores == pytest.approx(expected, abs=1e-5)


def test_operating_points_hold_for_their_own_prompts_only_and_come_first(predictor, films, monkeypatch):
    point = OperatingPoint(
        positive=("a",), negative=("b",), slope=0.0, bias=-9.0, threshold=-2.0, positives=9, negatives=9
    )
    points = OperatingPoints(model_fingerprint="", miss=0.1, observations={"A": point, "B": point})
    monkeypatch.setattr(predictor, "operating_points", points)
    [found] = predictor.findings(films[:1], {"A": ("other", "b"), "B": ("a", "b")})
    assert [one.observation for one in found] == ["B", "A"]
    assert [one.is_calibrated for one in found] == [True, False]
    assert (found[0].probability, found[0].is_positive) == (pytest.approx(1 / (1 + np.exp(9))), True)
    [own] = predictor.findings(films[:1])
    assert {one.observation for one in own} == {"A", "B"}


def test_features_are_those_the_projection_starts_from(predictor, films):
    [features] = predictor.stream_features(films[:3])
    assert features.shape == (3, predictor._core.model.image.features)
    projected = features @ predictor._core.model.image_projection.weight.detach().numpy().T
    projected += predictor._core.model.image_projection.bias.detach().numpy()
    projected /= np.linalg.norm(projected, axis=1, keepdims=True)
    assert projected == pytest.approx(predictor.encode_images(films[:3]), abs=1e-5)


def test_the_untrained_model_has_the_same_shape_and_other_weights(predictor, films):
    first, again, other = (predictor.untrained(seed).encode_images(films[:2]) for seed in (0, 0, 7))
    assert first.shape == (2, predictor.dimension)
    assert first.tobytes() == again.tobytes()
    assert np.abs(first - other).max() > 1e-3


def test_a_blank_film_is_one_that_no_file_may_be(predictor):
    black = np.zeros((64, 64), dtype=np.uint8)
    with pytest.raises(ImageError, match="not a film"):
        predictor.encode_images([black])
    vectors = predictor.encode_images([predictor.blank_film(), predictor.blank_film()])
    assert vectors[0] == pytest.approx(vectors[1])
    # A film of one dark point is all but blank.
    black[0, 0] = 1
    assert vectors[0] == pytest.approx(predictor.encode_images([black])[0], abs=0.05)


@pytest.fixture
def dead(tiny_model):
    """A model whose projections give the same vector whatever they are given."""
    predictor = plainfilm.load(tiny_model)
    for name, parameter in predictor._core.model.named_parameters():
        if "projection" in name:
            parameter.data = torch.zeros_like(parameter) if parameter.ndim > 1 else torch.ones_like(parameter)
    return predictor


def test_films_and_texts_that_get_one_vector_are_told(dead, films):
    dead.encode_images(films[:10])
    dead.encode_texts([f"sentence {number}" for number in range(10)])
    assert [warning[:40] for warning in dead.warnings] == [
        "all 10 images get nearly the same vector",
        "all 10 texts get nearly the same vector ",
    ]
    dead.clear_warnings()
    dead.encode_texts(["no effusion"] * 20)
    assert dead.warnings == ()


def test_a_model_that_tells_films_apart_has_no_warnings(predictor, films):
    predictor.encode_images(films[:10])
    predictor.encode_texts([f"sentence {number}" for number in range(10)])
    assert predictor.warnings == ()
