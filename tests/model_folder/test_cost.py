"""Inputs that take days or terabytes are refused from shapes alone; those in use are not."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from plainfilm import plugins
from plainfilm.errors import ConfigError
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder.cost import check_cost, check_cost_of
from plainfilm.models.base import Facts, KindConfig, TokenizerFacts, build_model, kind, kind_config

TEXT = {"use": "compact", "width": 16, "depth": 1, "heads": 2}
COMPACT = {"use": "compact", "width": 4, "grid": 2}
REPORT = {"width": 16, "depth": 1, "heads": 2}


def facts_of(settings: KindConfig, **longest: int) -> Facts:
    names = settings.tokenizers()
    known = {name: needed.max_tokens or 128 for name, needed in names.items()} | longest
    tokenizers = {
        name: TokenizerFacts(vocabulary_size=64, max_tokens=known[name], start=2, end=3) for name in names
    }
    return Facts(observations=("Edema",) if settings.answers_observations else (), tokenizers=tokenizers)


def refusal(values: dict[str, Any], side: int = 64, channels: int = 1, **longest: int) -> str:
    settings = kind_config(values, "architecture")
    with pytest.raises(ConfigError) as caught:
        check_cost_of(settings, facts_of(settings, **longest), Preprocessing(size=side, channels=channels))
    said = str(caught.value)
    assert "\n" not in said
    return said


@pytest.mark.parametrize(
    "image",
    [
        {"use": "timm", "name": "test_vit", "channels": 1, "image_size": 4096},
        {"use": "timm", "name": "vit_tiny_patch16_224", "channels": 1, "image_size": 4096},
        {"use": "timm", "name": "test_vit", "channels": 1, "image_size": 512, "settings": {"patch_size": 2}},
        {"use": "timm", "name": "resnet10t", "channels": 1, "settings": {"stem_width": 512}},
        COMPACT | {"width": 1024},
        COMPACT | {"patch": 8},
    ],
    ids=lambda image: f"{image.get('name', 'compact')}",
)
def test_films(image: dict[str, Any]) -> None:
    side = image.get("image_size", 4096)
    said = refusal({"use": "classifier", "image": image}, side)
    assert f"a film of preprocessing.size {side} px" in said


@pytest.mark.parametrize(
    ("values", "longest"),
    [
        ({"text": TEXT | {"max_tokens": 65536}}, 65536),
        ({"text": TEXT | {"width": 1024, "depth": 48, "max_tokens": 8192}}, 8192),
        ({"text": TEXT | {"width": 32, "heads": 32, "max_tokens": 8192}}, 8192),
    ],
    ids=["length", "operations", "attention"],
)
def test_texts_that_are_read(values: dict[str, Any], longest: int) -> None:
    said = refusal({"use": "dual_encoder", "image": COMPACT} | values, text=longest)
    assert "tokenizers.text.max_tokens" in said


@pytest.mark.parametrize(
    ("use", "part"), [("study_encoder", "report"), ("region", "sentence")], ids=["report", "sentence"]
)
def test_texts_that_are_written(use: str, part: str) -> None:
    decoder = REPORT | {"max_tokens": 100_000}
    values = {"use": use, "image": COMPACT, "text": TEXT}
    if part == "report":
        values |= {part: decoder, "fusion": {"heads": 2}}
    else:
        values |= {part: decoder | {"use": "report_decoder"}}
    assert f"tokenizers.{part}.max_tokens is 100,000" in refusal(values)


@pytest.mark.parametrize("name", plugins.names("model"))
def test_the_cost_of_every_kind_is_known(name: str) -> None:
    settings = kind(name).TINY
    channels = settings.image.get("channels", 3)
    with torch.device("meta"):
        model = build_model(settings, facts_of(settings)).eval()
    side = settings.image.get("image_size") or 544  # more than is known to be small
    cost = check_cost(model, Preprocessing(size=side, channels=channels))
    assert cost.operations > 0
    assert cost.largest > 0


@pytest.mark.parametrize(
    ("name", "side"), [("vit_base_patch14_dinov2", 518), ("resnet50", 1024), ("vit_base_patch16_224", 1024)]
)
def test_encoders_in_use_are_not_refused(name: str, side: int) -> None:
    fixed = {"image_size": side} if name.startswith("vit") else {}
    image = {"use": "timm", "name": name} | fixed
    settings = kind_config({"use": "classifier", "image": image}, "architecture")
    check_cost_of(settings, facts_of(settings), Preprocessing(size=side))
