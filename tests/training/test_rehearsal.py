"""A recipe's parts are tried before anything is read or written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from plainfilm.collection import Collection
from plainfilm.errors import ConfigError
from plainfilm.training import trainer
from plainfilm.training.recipe import Recipe, load_recipe, shipped_recipes
from plainfilm.training.rehearsal import rehearse

Tiny = Callable[..., Recipe]

MISTAKES = {
    "validation.metric=los": "unknown validation.metric 'los': did you mean 'loss'",
    "training.freeze_text_layers=7": "this encoder has 1",
    "tokenizer.max_tokens=64": "this text encoder takes at most 32",
    "training.sub_batch_size=4": "set training.batch_norm=frozen",
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_leaves_no_folder(mistake: str, tiny: Tiny, collection: Collection, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=MISTAKES[mistake]):
        trainer.train(tiny(mistake), [collection], tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("choice", ["frozen", "slices"])
def test_batch_normalisation_in_slices_is_the_users_choice(choice: str, tiny: Tiny) -> None:
    rehearse(tiny("training.sub_batch_size=4", f"training.batch_norm={choice}"))


@pytest.mark.parametrize("objective", ["infonce", "self_distillation"])
def test_every_objective_can_be_rehearsed(objective: str, tiny: Tiny) -> None:
    rehearse(tiny(f"objective.use={objective}", "validation.metric=recall@5"))


@pytest.mark.parametrize("name", [name for name in shipped_recipes() if "tiny" in name or "demo" in name])
def test_small_shipped_recipes_may_be_cut(name: str) -> None:
    rehearse(load_recipe(name, ["training.sub_batch_size=2"]))
