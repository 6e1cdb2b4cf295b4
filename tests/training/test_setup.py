"""What a run is put together from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from plainfilm.collection import Collection
from plainfilm.errors import ConfigError
from plainfilm.model_folder import TrainedOn
from plainfilm.progress import SILENT
from plainfilm.training.data import build_data
from plainfilm.training.recipe import Recipe, load_recipe
from plainfilm.training.setup import Setup, build_setup, build_tokenizers, trained_on
from plainfilm.types import View

Tiny = Callable[..., Recipe]


def build(recipe: Recipe, collection: Collection, run: Path) -> Setup:
    data = build_data(recipe, [collection], run, SILENT)
    return build_setup(
        recipe, [collection], data, build_tokenizers(recipe, data, run / "tokenizers"), torch.device("cpu")
    )


def test_weights_follow_from_the_seed(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    first, second = (build(tiny(), collection, tmp_path).model.state_dict() for _ in range(2))
    assert all(torch.equal(value, second[key]) for key, value in first.items())


def test_objective_is_built_after_the_model_is_placed(
    tiny: Tiny, collection: Collection, tmp_path: Path
) -> None:
    setup = build(tiny("objective.use=self_distillation"), collection, tmp_path)
    [objective] = setup.objective
    teacher = objective.teacher.state_dict()
    assert all(torch.equal(value, teacher[key]) for key, value in setup.model.state_dict().items())


def test_tokenizer_is_the_one_of_the_run(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    data = build_data(tiny(), [collection], tmp_path, SILENT)
    first = build_tokenizers(tiny(), data, tmp_path / "none")
    assert first.keys() == {"text"}
    (tmp_path / "tokenizers" / "text").mkdir(parents=True)
    first["text"].save(tmp_path / "tokenizers" / "text")
    again = build_tokenizers(tiny("tokenizers.text.vocabulary=400"), data, tmp_path / "tokenizers")
    assert again["text"].vocabulary_size == first["text"].vocabulary_size


def test_text_longer_than_the_encoder_takes_is_refused(
    tiny: Tiny, collection: Collection, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="takes at most 32: set tokenizers.text.max_tokens=32"):
        build(tiny("tokenizers.text.max_tokens=64"), collection, tmp_path)


def test_no_full_batch_is_refused(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    recipe = tiny("training.batch_size=64", "data.drop_last=true")
    with pytest.raises(ConfigError, match="there are 48 items: no batch is full"):
        build(recipe, collection, tmp_path)


def test_without_a_cache_films_are_decoded_each_time(
    tiny: Tiny, collection: Collection, tmp_path: Path
) -> None:
    cached = build(tiny("data.cache=64"), collection, tmp_path).loader
    decoded = build(tiny("data.cache=null"), collection, tmp_path).loader
    assert torch.equal(next(iter(cached.epoch(0))).films.pixels, next(iter(decoded.epoch(0))).films.pixels)


def test_two_of_one_objective_are_told_apart(tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    recipe = tiny("objective=[{use: infonce}, {use: infonce, same_text_negatives: true, weight: 0.25}]")
    setup = build(recipe, collection, tmp_path)
    assert setup.objective.names == ("infonce", "infonce#2")
    assert setup.objective.weights == (1.0, 0.25)
    assert setup.objective.needs == (("text",), ("text",))


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ((), TrainedOn(text_rule="all")),
        (("data.views=[PA]", "data.text=findings"), TrainedOn(views=(View.PA,), text_rule="findings")),
        (("data.label_origin=[mine]",), TrainedOn(text_rule="all")),
        (("data.prompts=cxr",), TrainedOn(label_origin=(), text_rule="all")),
    ],
)
def test_the_model_says_what_evaluation_must_know(
    tiny: Tiny, overrides: tuple[str, ...], expected: TrainedOn
) -> None:
    assert trained_on(tiny(*overrides)) == expected


def test_a_classifier_says_whose_labels_it_learned_from() -> None:
    recipe = load_recipe("classifier-tiny", ["data.label_origin=[mine, yours]", "data.observations=[Edema]"])
    assert trained_on(recipe) == TrainedOn(label_origin=("mine", "yours"), observations=("Edema",))
