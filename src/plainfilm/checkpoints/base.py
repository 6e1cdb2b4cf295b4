"""The contract of a family of checkpoints: one file that reads what one system publishes.

A family module has these names:

    Config              a `CheckpointConfig`: what a checkpoint does not say and a person has to
    LICENCE             that of its weights, in a few words; said before anything is written, and kept
    read(path, config)  the model of the checkpoint at `path`, as an `Imported`

A file of one's own may leave out LICENCE; its models then say that none was stated. Every tensor of a
checkpoint is used or named in `Imported.dropped`; one that is missing or unknown is an error. No code of a
checkpoint is ever run (`io.torch_files`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from plainfilm import plugins
from plainfilm.checkpoints.reading.published_file import Weights
from plainfilm.config import Settings
from plainfilm.model_folder import ModelConfig, PatientKeys
from plainfilm.models.base import Model
from plainfilm.text.tokenizers import Tokenizer


class CheckpointConfig(Settings):
    """The options of every family.

    tokenizer: a folder, `package:NAME/folder` or hub name; by default the name of the text encoder that the
    checkpoint states. offline: refuse to download it. weights: those that training ended with, or the moving
    average of them ("ema") where the checkpoint has one.
    """

    tokenizer: str | None = None
    offline: bool = False
    weights: Weights = "model"


@dataclass(frozen=True)
class Imported:
    """A model as its checkpoint has it, its tokenizers by name, what should stand in its folder, and which
    tensors were left out. patients: those that it was trained on, if a list of them was given."""

    model: Model
    tokenizers: Mapping[str, Tokenizer]
    config: ModelConfig
    dropped: tuple[str, ...] = ()
    patients: PatientKeys | None = None


class Family(Protocol):
    """What a module of this folder offers."""

    Config: type[CheckpointConfig]
    LICENCE: str

    def read(self, path: Path, config: Any) -> Imported:
        """The model of the checkpoint at `path`."""
        ...


def licence_of(family: Family) -> str:
    """The licence of a family's weights."""
    return str(getattr(family, "LICENCE", "not stated"))


def family(name: str) -> Family:
    """The family called `name`, with hyphens or underscores (see `plugins.resolve`)."""
    plain = name if name.endswith(".py") else name.replace("-", "_")
    return cast(Family, plugins.resolve("checkpoint family", plain))
