"""A recipe of two stages that trains in a moment, and what tests of stages compare."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file

from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import ModelConfig, save_model
from plainfilm.models.base import Facts, build_model, kind

COMMON: dict[str, Any] = {
    "model": {
        "use": "dual_encoder",
        "image": {"use": "compact", "width": 4, "grid": 2, "channels": 1, "dropout": 0.2},
        "text": {"use": "compact", "width": 16, "depth": 1, "heads": 2, "max_tokens": 32},
        "projection": {"kind": "linear", "dimension": 16},
    },
    "tokenizers": {"text": {"vocabulary": 320}},
    "preprocessing": {"size": 32, "channels": 1},
    "objective": {"use": "infonce"},
    "data": {"text": "all", "sentences": 2, "cache": 48, "workers": 1},
    "training": {"epochs": 1, "batch_size": 16, "learning_rate": 0.001, "warmup_epochs": 0.5},
}
"""A dual encoder, in the words of today's recipes."""

FROZEN: dict[str, Any] = {"parts": {"image": {"freeze": True}}, "data": {"augment": False}}
"""A stage that trains all but the image encoder, on films that do not move."""


def with_stages(*stages: dict[str, Any], **common: Any) -> dict[str, Any]:
    """The values of a recipe with these stages."""
    return copy.deepcopy({**COMMON, **common, "stages": list(stages)})


def write(folder: Path, values: dict[str, Any], name: str = "staged.yaml") -> Path:
    """The file of a recipe."""
    (folder / name).write_text(yaml.safe_dump(values))
    return folder / name


def untrained_classifier(folder: Path, *observations: str) -> Path:
    """The folder of a classifier with random weights."""
    facts = Facts(observations=observations or ("Edema", "Hernia"))
    settings = kind("classifier").TINY
    preprocessing = Preprocessing(size=32, channels=1)
    save_model(
        folder,
        build_model(settings, facts),
        {},
        ModelConfig(architecture=settings, preprocessing=preprocessing),
    )
    return folder


def weights(model: Path) -> dict[str, torch.Tensor]:
    """The tensors of the model in a folder."""
    return load_file(model / "model.safetensors")


def different(first: Path, second: Path) -> list[str]:
    """The tensors of two model folders that are not the same to the bit."""
    one, other = weights(first), weights(second)
    assert one.keys() == other.keys()
    return [key for key in one if not torch.equal(one[key], other[key])]
