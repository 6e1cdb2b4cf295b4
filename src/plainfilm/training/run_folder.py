"""The folder of a run: its files, and the check that a run may start or continue in it.

RUN/recipe.yaml          the recipe with every default written out
RUN/collections.json     names and fingerprints of the collections and the prompt pack
RUN/tokenizers/NAME/     the tokenizers of the run
RUN/log.jsonl            see `training.log`
RUN/training_state.pt    see `training.state`
RUN/model/               the best model by the recipe's metric
RUN/last/                the newest model
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plainfilm.collection.collection import Collection
from plainfilm.config import build, read_yaml
from plainfilm.errors import UsageError
from plainfilm.io.tables import read_json, write_json
from plainfilm.prompts import load_pack
from plainfilm.training.log import flat
from plainfilm.training.recipe import Recipe, save_recipe

_MAY_CHANGE = ("trackers", "data.workers", "training.checkpoint_minutes", "training.checkpoint_steps")
"""Keys that do not affect the final weights."""


@dataclass(frozen=True)
class RunFolder:
    """The paths of one run."""

    path: Path

    @property
    def recipe(self) -> Path:
        """The resolved recipe."""
        return self.path / "recipe.yaml"

    @property
    def collections(self) -> Path:
        """Names and fingerprints of the training data."""
        return self.path / "collections.json"

    @property
    def tokenizers(self) -> Path:
        """The folder of the tokenizers."""
        return self.path / "tokenizers"

    @property
    def log(self) -> Path:
        """The JSON lines."""
        return self.path / "log.jsonl"

    @property
    def state(self) -> Path:
        """The training state."""
        return self.path / "training_state.pt"

    @property
    def model(self) -> Path:
        """The best model."""
        return self.path / "model"

    @property
    def last(self) -> Path:
        """The newest model."""
        return self.path / "last"

    def check(self, recipe: Recipe, collections: Sequence[Collection], resume: bool) -> None:
        """Check that a run of `recipe` may start here, or with `resume` continue; change nothing.

        Raises:
            UsageError: the folder is in use, or holds a run of another recipe or other collections.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{self.path}: is a file; choose another --out")
        if not self.path.is_dir() or not any(self.path.iterdir()):
            return
        if not resume and self._has_no_step():
            return
        if not resume:
            raise UsageError(f"{self.path}: exists already; continue with --resume, or choose another --out")
        if not self.recipe.is_file():
            if self.log.exists() or not self._holds_only_leftovers():
                raise UsageError(f"{self.path}: holds no run to resume (no recipe.yaml): choose another")
            return
        # A key that an older version did not know counts as set to its present default.
        before = build(Recipe, read_yaml(self.recipe), str(self.recipe))
        _refuse_changes(self.recipe, before.as_dict(), recipe.as_dict())
        if self.collections.is_file() and read_json(self.collections) != described(collections, recipe):
            raise UsageError(
                f"{self.collections}: the run was started on other collections or another prompt pack; "
                "resume with the same --data and data.prompts"
            )

    def claim(self, recipe: Recipe, collections: Sequence[Collection]) -> None:
        """Make the folder a run of `recipe`, and remove incomplete files of a killed process.

        A run that stopped before its first step begins anew; decoded images are kept.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        begun = [self.tokenizers, self.log] if self._has_no_step() else []
        for leftover in (*self._leftovers(), *begun):
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink(missing_ok=True)
        write_json(described(collections, recipe), self.collections)
        save_recipe(recipe, self.recipe)

    def _leftovers(self) -> list[Path]:
        return [*self.path.glob(".*.part-*"), *self.path.glob(".*.part")]

    def _has_no_step(self) -> bool:
        """True for a run that made no optimizer step and can begin again without loss."""
        if not (self.recipe.is_file() and self.collections.is_file()):
            return False
        if self.state.exists() or self.model.exists() or self.last.exists():
            return False
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.is_file() else []
        return not any(line.startswith('{"event": "step"') for line in lines)

    def _holds_only_leftovers(self) -> bool:
        return set(self.path.iterdir()) <= {*self._leftovers(), self.collections, self.path / "cache"}


def described(collections: Sequence[Collection], recipe: Recipe) -> list[dict[str, str]]:
    """Names and fingerprints of the collections, and of the prompt pack that turns their labels into text."""
    prompts = recipe.data.prompts
    named = [(collection.name, collection.fingerprint) for collection in collections]
    named += [(f"prompts {prompts}", load_pack(prompts).fingerprint)] if prompts else []
    return [{"name": name, "fingerprint": fingerprint} for name, fingerprint in named]


def _refuse_changes(file: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    old, new = flat(before), flat(now)
    changed = [key for key in {**old, **new} if key not in _MAY_CHANGE and old.get(key) != new.get(key)]
    if changed:
        key = changed[0]
        raise UsageError(
            f"{file}: the run was started with {key}={old.get(key)}, now it is {new.get(key)}: resume with "
            "the same recipe and overrides, or start a new run"
        )
