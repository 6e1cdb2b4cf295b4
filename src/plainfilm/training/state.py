"""The state of a run in one file: everything needed to continue as if it had never stopped.

The file is replaced in one rename, so it is complete after a kill at any moment. It holds no random state:
batches, crops and dropout follow from the recipe's seed and the position.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from torch import nn
from torch.optim import Optimizer

from plainfilm.errors import ModelError
from plainfilm.io.files import replacing
from plainfilm.io.torch_files import DAMAGED, check_container
from plainfilm.seeding import stable_hash


@dataclass(frozen=True)
class Position:
    """The progress of a run.

    epoch, batch: the next batch to train on. step: optimizer steps made. best: the best validation value so
    far, at step `best_step`. worse: number of validations since then.
    """

    epoch: int = 0
    batch: int = 0
    step: int = 0
    best: float | None = None
    best_step: int = 0
    worse: int = 0


@dataclass(frozen=True)
class Parts:
    """The objects that change during training and are therefore in the state."""

    model: nn.Module
    objective: nn.Module
    optimizer: Optimizer


def save_state(file: Path, position: Position, parts: Parts) -> None:
    """Write the state, replacing the previous one.

    Raises:
        DataError: the file cannot be written; the previous one is untouched.
    """
    state = {
        "position": asdict(position),
        "model": parts.model.state_dict(),
        "objective": parts.objective.state_dict(),
        "optimizer": parts.optimizer.state_dict(),
    }
    with replacing(file) as temporary, temporary.open("wb") as opened:
        try:
            torch.save(state, opened)
        except RuntimeError as error:  # torch raises this when the disk is full
            raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}, or {error}") from None


def load_state(file: Path, parts: Parts) -> Position:
    """Load the state in `file` into `parts`; return its position.

    Raises:
        ModelError: the file is damaged, or belongs to another recipe.
    """
    try:
        check_container(file)
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
        known = {field.name for field in fields(Position)}
        stated = {key: value for key, value in state["position"].items() if key in known}
        position = TypeAdapter(Position).validate_python(stated)
        parts.model.load_state_dict(state["model"], strict=True)
        parts.objective.load_state_dict(state["objective"], strict=True)
        parts.optimizer.load_state_dict(state["optimizer"])
    except (ModelError, *DAMAGED) as error:
        problem = f"{type(error).__name__}: {' '.join(str(error).removeprefix(f'{file}: ').split())[:200]}"
        raise ModelError(
            f"{file}: not a state of this run ({problem}); start again in a new folder"
        ) from None
    return position


@contextmanager
def seeded_torch(*parts: object) -> Iterator[None]:
    """While open, torch's random numbers follow from `parts`; the previous random state is restored."""
    with torch.random.fork_rng(devices=[]):  # numbers seeded here are drawn on the CPU
        torch.manual_seed(stable_hash(*parts))
        yield
