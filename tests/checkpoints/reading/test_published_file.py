"""The tensors of a model from what trainers wrap round it, and which of several copies."""

from __future__ import annotations

import argparse

import pytest
import torch

from plainfilm.checkpoints.reading.published_file import model_tensors, settings_of
from plainfilm.errors import ModelError
from plainfilm.io.torch_files import named_tensors

ROOTS = ("image", "text")
MODEL = {"image.weight": torch.zeros(2), "text.module_list.0": torch.ones(3)}


def below(prefix: str, add: float = 0.0) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor + add for name, tensor in MODEL.items()}


def test_only_plain_tensors_are_taken_by_name() -> None:
    assert list(named_tensors({"module.a": torch.zeros(1)}, "here")) == ["a"]
    for values in ([1], {}, {"a": 1}, {3: torch.zeros(1)}, {"a": torch.zeros(2).to_sparse()}):
        with pytest.raises(ModelError, match=r"^here: "):
            named_tensors(values, "here")


@pytest.mark.parametrize(
    "prefix",
    [
        *("", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "_fsdp_wrapped_module."),
        *("model.", "net.", "clip.model.", "model._orig_mod.", "module.model.", "a.b._orig_mod.module."),
    ],
)
def test_what_a_model_is_wrapped_in_is_not_part_of_its_names(prefix: str) -> None:
    found = model_tensors({"model": below(prefix)}, ROOTS, "model", "here")
    assert list(found.tensors) == list(MODEL)
    assert found.left_out == ()


def test_a_part_that_is_wrapped_alone_has_its_name() -> None:
    values = {"image._orig_mod.module.weight": MODEL["image.weight"], "text.module_list.0": torch.ones(3)}
    assert list(model_tensors({"model": values}, ROOTS, "model", "here").tensors) == list(MODEL)


def test_two_tensors_of_one_name_are_refused() -> None:
    with pytest.raises(
        ModelError, match=r"^here: has two tensors 'image.weight', one of them as 'module.image"
    ):
        named_tensors({**MODEL, **below("module.")}, "here")


@pytest.mark.parametrize("key", ["model", "state_dict", "model_state_dict", "net"])
@pytest.mark.parametrize("inner", [None, "state_dict", "module"])
def test_tensors_are_found_under_the_names_of_trainers(key: str, inner: str | None) -> None:
    value = MODEL if inner is None else {inner: MODEL, "step": 3}
    assert list(model_tensors({key: value, "epoch": 1}, ROOTS, "model", "here").tensors) == list(MODEL)


AVERAGES = (
    {"model": MODEL, "model_ema": below("module.", 1)},
    {"state_dict": MODEL, "ema": {"decay": 0.999, "module": below("", 1)}},
    {"state_dict": {**below("model."), **below("ema_model.", 1)}},
    {"state_dict": {**MODEL, **below("model_ema.module.", 1), "n_averaged": torch.tensor(3)}},
    {"state_dict": {**below("online_model."), **below("ema_model.", 1), "initted": torch.tensor(True)}},
)


@pytest.mark.parametrize("loaded", AVERAGES, ids="-".join)
def test_the_average_is_taken_where_it_is_asked_for(loaded: dict) -> None:
    trained = model_tensors(loaded, ROOTS, "model", "here")
    average = model_tensors(loaded, ROOTS, "ema", "here")
    assert (trained.weights, average.weights) == ("model", "ema")
    assert trained.tensors["image.weight"].tolist() == [0, 0]
    assert average.tensors["image.weight"].tolist() == [1, 1]
    assert set(trained.tensors) == set(average.tensors) == set(MODEL)
    assert any("weights=ema takes them instead" in line for line in trained.left_out)
    assert any("weights=model takes them instead" in line for line in average.left_out)


@pytest.mark.parametrize("loaded", [{"ema": MODEL}, {"state_dict": below("ema_model.")}], ids=str)
def test_an_average_alone_is_taken_and_said(loaded: dict) -> None:
    for weights in ("model", "ema"):
        found = model_tensors(loaded, ROOTS, weights, "here")
        assert (found.weights, set(found.tensors), found.left_out) == ("ema", set(MODEL), ())


def test_an_average_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ModelError, match=r"has no moving average of its weights: leave out weights=ema"):
        model_tensors({"model": MODEL}, ROOTS, "ema", "here")


def test_what_stands_beside_a_model_is_left_out_by_name() -> None:
    found = model_tensors(
        {"state_dict": {**below("model."), "loss.scale": torch.ones(1)}}, ROOTS, "model", "here"
    )
    assert found.left_out == ("loss.scale",)


def test_a_tensor_beside_the_parts_of_a_model_stays() -> None:
    found = model_tensors({"model": {**MODEL, "adapter.scale": torch.ones(1)}}, ROOTS, "model", "here")
    assert "adapter.scale" in found.tensors


def test_two_models_are_a_question() -> None:
    loaded = {"state_dict": {**below("first."), **below("second.")}}
    with pytest.raises(ModelError, match=r"holds 2 models, below 'first.', 'second.'"):
        model_tensors(loaded, ROOTS, "model", "here")


@pytest.mark.parametrize(
    ("loaded", "message"),
    [
        ({"epoch": 3}, r"has no 'model' \(it holds epoch\)"),
        ({}, r"has no 'model' \(it holds nothing\)"),
        ({"model": {"a": 1}}, r"its 'model' is dict without: have state_dict\(\) of the model saved"),
        ({"model": 3}, r"its 'model' is int without"),
    ],
)
def test_a_file_without_tensors_says_what_it_holds(loaded: dict, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        model_tensors(loaded, ROOTS, "model", "here")


def test_settings_are_found_under_the_names_of_trainers() -> None:
    stated = {"model": {"name": "a"}}
    assert settings_of({"config": stated}) == stated
    assert settings_of({"hyper_parameters": {"config": stated}}) == stated
    assert settings_of({"args": argparse.Namespace(model=1)}) == argparse.Namespace(model=1)
    assert settings_of({"epoch": 1}) is None


def test_tensors_alone_are_a_model() -> None:
    assert list(model_tensors(MODEL, ROOTS, "model", "here").tensors) == list(MODEL)
    with pytest.raises(ModelError, match="has no 'model'"):
        model_tensors({**MODEL, "epoch": 3}, ROOTS, "model", "here")
