"""The folder of a run: its files, and the check that a run may start or continue in it.

RUN/stage-NAME/          of a recipe with stages, the run of each (`training.runner`); of what follows, RUN
                         itself then has the first two, and copies of the last stage's models

RUN/recipe.yaml          the recipe with every default written out
RUN/collections.json     names and fingerprints of the collections and the prompt pack
RUN/tokenizers/NAME/     the tokenizers of the run
RUN/log.jsonl            see `training.log`
RUN/index.html           see `training.run_page`; of a recipe with stages, links to theirs
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
from plainfilm.config import read_yaml
from plainfilm.errors import UsageError
from plainfilm.io.locks import LOCK, is_taken
from plainfilm.io.tables import read_json, write_json
from plainfilm.plugins import foreign_code
from plainfilm.prompts import load_pack
from plainfilm.training.log import flat, last_event
from plainfilm.training.recipe import find_recipe, save_recipe
from plainfilm.training.staged_recipe import (
    STAGES,
    AnyRecipe,
    StagedRecipe,
    recipes_of,
    resolved,
)

PAGE = "index.html"
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

    @property
    def is_finished(self) -> bool:
        """Whether training came to its end; not if the page is missing, and can be made from the state."""
        if not (self.log.is_file() and self.model.is_dir() and self.last.is_dir()):
            return False
        if last_event(self.log) != "end":
            return False
        return (self.path / PAGE).is_file() or not self.state.is_file()

    def check(
        self,
        recipe: AnyRecipe,
        collections: Sequence[Collection],
        resume: bool,
        trust_code: bool = False,
    ) -> None:
        """Checks that a run of `recipe` may start here, or with `resume` go on; changes nothing. Code that
        the run names and `recipe` does not runs only with `trust_code`.

        Raises:
            UsageError: the folder is taken, or holds a run of another recipe, of other code or of other
                collections.
        """
        if self.path.exists() and not self.path.is_dir():
            raise UsageError(f"{self.path}: is a file; choose another --out")
        if not is_taken(self.path):
            return
        if not resume and self._has_no_step():
            return
        if not resume:
            raise UsageError(f"{self.path}: exists already; continue with --resume, or choose another --out")
        if not self.recipe.is_file():
            if self.log.exists() or not self._holds_only_leftovers():
                raise UsageError(f"{self.path}: holds no run to resume (no recipe.yaml): choose another")
            return
        values = read_yaml(self.recipe)
        if not trust_code:
            _refuse_code(self.recipe, values, recipe)
        # Keys that an older version did not know had what is now their default.
        _refuse_changes(self.recipe, resolved(values, str(self.recipe)), recipe)
        if self.collections.is_file() and read_json(self.collections) != described(collections, recipe):
            raise UsageError(
                f"{self.collections}: the run was started on other collections or another prompt pack; "
                "resume with the same --data and data.prompts"
            )

    def claim(self, recipe: AnyRecipe, collections: Sequence[Collection]) -> None:
        """Make the folder a run of `recipe`, and clear what a killed process left half-written.

        A run that stopped before its first step begins anew; decoded images are kept.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        begun = [self.tokenizers, self.log, *self._stages()] if self._has_no_step() else []
        for leftover in (*self._leftovers(), *begun):
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink(missing_ok=True)
        write_json(described(collections, recipe), self.collections)
        save_recipe(recipe, self.recipe)

    def _stages(self) -> list[Path]:
        return list(self.path.glob("stage-*"))

    def _leftovers(self) -> list[Path]:
        return [*self.path.glob(".*.part-*"), *self.path.glob(".*.part")]

    def _has_no_step(self) -> bool:
        """True for a run that made no optimizer step and can begin again without loss."""
        if not (self.recipe.is_file() and self.collections.is_file()):
            return False
        if self.state.exists() or self.model.exists() or self.last.exists():
            return False
        if not all(RunFolder(stage)._has_no_step() for stage in self._stages()):
            return False
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.is_file() else []
        return not any(line.startswith('{"event": "step"') for line in lines)

    def _holds_only_leftovers(self) -> bool:
        ours = {*self._leftovers(), self.collections, self.path / "cache", self.path / LOCK}
        return set(self.path.iterdir()) <= ours


def described(collections: Sequence[Collection], recipe: AnyRecipe) -> list[dict[str, str]]:
    """Names and fingerprints of the collections, and of the prompt packs that make texts of their labels."""
    packs = dict.fromkeys(one.data.prompts for one in recipes_of(recipe) if one.data.prompts)
    named = [(collection.name, collection.fingerprint) for collection in collections]
    named += [(f"prompts {pack}", load_pack(pack).fingerprint) for pack in packs]
    return [{"name": name, "fingerprint": fingerprint} for name, fingerprint in named]


def refuse_code_of_run(recipe: str, out: Path) -> None:
    """Refuse a recipe that lies in the folder of the run and names code: who gives it has not written it.

    Raises:
        UsageError: it does.
    """
    file = find_recipe(recipe)
    if not file.resolve().is_relative_to(out.resolve()):
        return
    for place, name in foreign_code(read_yaml(file)):
        raise UsageError(
            f"{file}: '{place}' is code ('{name}'), and the recipe is that of the run's own folder: read it, "
            "then allow it with --trust-code, or give a recipe of yours"
        )


def _refuse_code(file: Path, values: Mapping[str, Any], recipe: AnyRecipe) -> None:
    named = set(foreign_code(recipe.as_dict()))
    for place, name in foreign_code(values):
        if (place, name) not in named:
            raise UsageError(
                f"{file}: '{place}' is code ('{name}') that the recipe you give does not name, and going on "
                "would run it: read it, then allow it with --trust-code, or start a new run"
            )


def _refuse_changes(file: Path, before: AnyRecipe, now: AnyRecipe) -> None:
    if isinstance(before, StagedRecipe) != isinstance(now, StagedRecipe):
        how = "with stages" if isinstance(before, StagedRecipe) else "without stages"
        raise UsageError(
            f"{file}: the run was started {how}: resume with the same recipe, or start a new run"
        )
    old, new = _keys(before), _keys(now)
    changed = [key for key in {**old, **new} if not _may_change(key) and old.get(key) != new.get(key)]
    if changed:
        key = changed[0]
        raise UsageError(
            f"{file}: the run was started with {key}={old.get(key)}, now it is {new.get(key)}: resume with "
            "the same recipe and overrides, or start a new run"
        )


def _keys(recipe: AnyRecipe) -> dict[str, Any]:
    """Every key and its value, those of stages as overrides name them."""
    if not isinstance(recipe, StagedRecipe):
        return dict(flat(recipe.as_dict()))
    return dict(flat({STAGES: {stage.name: stage.recipe.as_dict() for stage in recipe.stages}}))


def _may_change(key: str) -> bool:
    """Whether `key`, also of a stage, decides nothing."""
    first, _, rest = key.partition(".")
    return (rest.partition(".")[2] if first == STAGES else key) in _MAY_CHANGE
