"""A recipe of two stages that trains in a moment, and what tests of stages compare."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file

from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import ModelConfig, save_model
from plainfilm.models.base import Facts, build_model, kind

KILL_AFTER = """
import importlib, os, signal, sys
from plainfilm.cli import main
module = importlib.import_module("plainfilm.training." + sys.argv[1])
real, left = getattr(module, sys.argv[2]), [int(sys.argv[3])]
def killing(*args, **kwargs):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*args, **kwargs)
setattr(module, sys.argv[2], killing)
main.main(sys.argv[4:])
"""
"""Runs the command line and kills itself at the n-th call of one function."""

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


def killed(where: tuple[str, str, int], command: list[str]) -> int:
    """The exit status of a command line that kills itself at the n-th call of a function of `training`."""
    script = [sys.executable, "-c", KILL_AFTER, *map(str, where), *command]
    environment = os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())}
    return subprocess.run(script, env=environment, capture_output=True).returncode
