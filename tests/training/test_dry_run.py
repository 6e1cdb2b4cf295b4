"""A recipe's parts are tried before anything is read or written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from plainfilm.collection import Collection
from plainfilm.errors import ConfigError, UsageError
from plainfilm.training import trainer
from plainfilm.training.dry_run import dry_run
from plainfilm.training.recipe import Recipe, load_recipe, shipped_recipes
from plainfilm.training.staged_recipe import recipes_of
from plainfilm.training.stages import load_stages

Tiny = Callable[..., Recipe]

MISTAKES = {
    "validation.metric=los": "unknown validation.metric 'los': did you mean 'loss'",
    "parts.text.freeze=7": "this encoder has 1",
    "parts.tex.freeze=true": "parts.tex: model 'dual_encoder' has no such part: did you mean 'text'",
    "tokenizers.text.max_tokens=64": "part 'text' takes at most 32: set tokenizers.text.max_tokens=32",
    "training.sub_batch_size=4": "set training.batch_norm=frozen",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_leaves_no_folder(mistake: str, tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=MISTAKES[mistake]):
        trainer.train(tiny(mistake), [collection], tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_slices_of_one_film_have_no_statistics(tiny: Tiny) -> None:
    with pytest.raises(ConfigError, match=r"sub_batch_size to at least 2, or training\.batch_norm=frozen"):
        dry_run(tiny("training.sub_batch_size=1", "training.batch_norm=slices"))


@pytest.mark.parametrize("choice", ["frozen", "slices"])
def test_batch_normalisation_in_slices_is_the_users_choice(choice: str, tiny: Tiny) -> None:
    dry_run(tiny("training.sub_batch_size=4", f"training.batch_norm={choice}"))


@pytest.mark.parametrize("objective", ["infonce", "self_distillation"])
def test_every_objective_can_be_tried(objective: str, tiny: Tiny) -> None:
    dry_run(tiny(f"objective.use={objective}", "validation.metric=recall@5"))


@pytest.mark.parametrize("name", [name for name in shipped_recipes() if "tiny" in name or name == "nano"])
def test_small_shipped_recipes_may_be_cut(name: str) -> None:
    for recipe in recipes_of(load_stages(name, ["training.sub_batch_size=2"])):
        if not recipe.sources():  # a later stage was tried already
            dry_run(recipe)


def test_an_objective_that_the_model_does_not_serve_is_refused(tiny: Tiny) -> None:
    with pytest.raises(UsageError, match="model of kind 'dual_encoder' does not predict observations"):
        dry_run(tiny("objective.use=classification"))


@pytest.mark.parametrize("metric", ["validation.metric=auroc_macro", "validation.evaluators=[{use: auroc}]"])
def test_an_evaluator_that_the_model_does_not_serve_is_refused(metric: str, tiny: Tiny) -> None:
    with pytest.raises(UsageError, match="evaluator 'auroc': model of kind 'dual_encoder' does not predict"):
        dry_run(tiny(metric))


def test_objectives_that_add_up_are_tried_together(tiny: Tiny) -> None:
    both = "objective=[{use: infonce}, {use: self_distillation, weight: 0.5}]"
    dry_run(tiny(both, "validation.metric=self_distillation/distillation"))
    with pytest.raises(ConfigError, match="unknown validation.metric 'distillation': did you mean"):
        dry_run(tiny(both, "validation.metric=distillation"))


def test_the_published_recipe_of_refers_can_be_tried_without_its_weights() -> None:
    vit = {"embed_dim": 32, "depth": 1, "num_heads": 2, "pos_drop_rate": 0.1, "proj_drop_rate": 0.1}
    bert = {"model_type": "bert", "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    small = {"settings": bert | {"intermediate_size": 64}, "use": "transformers", "pretrained": False}
    changes = {
        "model.image.settings": vit,
        "model.image.pretrained": False,
        "model.text": small | {"pooling": "pooler"},
        "model.projection.dimension": 32,
        "model.report.width": 64,
    }
    dry_run(load_recipe("refers", [f"{key}={json.dumps(value)}" for key, value in changes.items()]))
