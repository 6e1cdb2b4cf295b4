"""A model of ours with the tensors of a checkpoint, every one accounted for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from plainfilm.checkpoints.reading.tensors import PublishedNames, fill
from plainfilm.models.base import Facts, KindConfig, Model, build_model


@dataclass(frozen=True)
class Filling:
    """The tensors of a checkpoint, which of them become what of ours, and which are known and not needed
    (see `tensors.fill`)."""

    tensors: Mapping[str, Tensor]
    names: PublishedNames
    unused: Sequence[str]
    where: str

    def check(self, architecture: KindConfig, facts: Facts) -> None:
        """Refuse tensors that do not fit, without memory for weights, so that a lie about shapes costs none.

        Raises:
            ModelError: see `tensors.fill`.
        """
        with torch.device("meta"):
            model = build_model(architecture, facts)
        fill(model, self.tensors, self.names, self.unused, self.where)

    def build(self, architecture: KindConfig, facts: Facts) -> tuple[Model, tuple[str, ...]]:
        """The model in evaluation mode, and the names of tensors that it has no use for.

        Raises:
            ModelError: see `tensors.fill`.
        """
        with torch.random.fork_rng(devices=[]):  # the random start is overwritten and should cost no draws
            model = build_model(architecture, facts)
        return model.eval(), fill(model, self.tensors, self.names, self.unused, self.where)


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
