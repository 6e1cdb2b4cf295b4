"""The recipes of ChEX: all stages of the small one fit together, and each of the published one by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.config import build
from plainfilm.errors import ConfigError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import ModelConfig, save_model
from plainfilm.model_folder.folder import tokenizer_facts
from plainfilm.models import dual_encoder
from plainfilm.models.base import Facts, build_model
from plainfilm.text.tokenizers import Tokenizer
from plainfilm.training.recipe import Recipe
from plainfilm.training.stages import load_stages

STAGES = {"chex-1": "detect", "chex-2": "refine", "chex-text": "text", "chex-3": "write"}
FROZEN = ("image", "text", "image_projection", "text_projection", "detector", "region_weights")
SMALL = [
    "model.detector.depth=1",
    "model.post_decoder={depth: 1, heads: 2}",
    "model.detector.heads=2",
    "training.batch_size=4",
]
DECODER = "model.sentence={use: report_decoder, width: 16, depth: 1, heads: 2, max_tokens: 16}"


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small dual encoder that stands for CheXzero's."""
    tokenizer = Tokenizer.train(["no pleural effusion"] * 4, 300, 16)
    values = {
        "image": {"use": "timm", "name": "test_vit", "image_size": 64},
        "text": {"use": "compact", "width": 16, "depth": 1, "heads": 2, "max_tokens": 16},
        "projection": {"dimension": 8},
    }
    config = build(dual_encoder.Config, values, "here")
    model = build_model(config, Facts(tokenizers=tokenizer_facts({"text": tokenizer})))
    folder = tmp_path_factory.mktemp("start") / "model"
    save_model(
        folder,
        model,
        {"text": tokenizer},
        ModelConfig(architecture=config, preprocessing=Preprocessing(size=64, channels=3)),
    )
    return folder


def test_the_small_recipe_has_all_stages_and_freezes_what_is_learned() -> None:
    staged = load_stages("chex-tiny")
    assert [stage.name for stage in staged.stages] == ["align", "detect", "refine", "text", "write"]
    for stage in staged.stages[2:]:
        assert all(stage.recipe.parts[name].freeze is True for name in FROZEN)
        assert stage.recipe.keeps_features
    assert staged.stages[3].recipe.parts["post_decoder"].freeze is True
    assert staged.last.sources()["sentence"] == "stage-text"
    assert staged.last.sources()["post_decoder"] == "stage-text"


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_by_itself_starts_from_a_model(name: str, start: Path) -> None:
    own = [f"stage.from={start}", *SMALL, "parts.image.freeze=true"]
    recipe = load_stages(name, own + [DECODER] * (name in ("chex-text", "chex-3")))
    assert isinstance(recipe, Recipe)
    parts = ("image", "text", "image_projection", "text_projection")
    assert recipe.sources() == dict.fromkeys(parts, str(start))
    assert recipe.parts["image"].fingerprint
    assert recipe.model["projection"]["dimension"] == 8
    assert recipe.preprocessing.size == 64


def test_the_settings_of_a_stage_stand_once(start: Path) -> None:
    own = [f"stages.detect.from={start}", "stages.detect.parts.image.freeze=true"]
    each = [one for name in STAGES.values() for one in _of_stage(name)]
    whole = load_stages("chex", own + each)
    for stage, name in zip(whole.stages, STAGES, strict=True):
        alone = load_stages(name, [f"stage.from={start}", *_plain(stage.name), "parts.image.freeze=true"])
        assert stage.recipe.objective == alone.objective
        assert stage.recipe.training == alone.training
        assert stage.recipe.data == alone.data


def _plain(stage: str) -> list[str]:
    return SMALL[:3] + [DECODER] * (stage in ("text", "write"))


def _of_stage(stage: str) -> list[str]:
    return [f"stages.{stage}.{one}" for one in _plain(stage)]


def test_a_stage_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match="chex-1: stage.name: no stage 'detekt' in chex: did you mean"):
        load_stages("chex-1", ["stage.name=detekt"])
