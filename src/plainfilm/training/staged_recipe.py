"""Recipes of several stages: what a YAML file with `stages:` says, and what it becomes.

    model: {...}                                        # common to all stages
    stages:
      - {name: align, objective: {use: infonce}}
      - {parts: {image: {freeze: true}}, data: {augment: false}, training: {epochs: 3}}

Each stage changes the common part of the recipe: mappings are merged key by key; lists, an `objective`, and a
mapping that names another file by `use` take the place of the common one. The parts that the common part
takes from a model (`parts.NAME.from`) are where the first stage starts. A stage that says `from: MODEL`
starts from all parts of the model in that folder that its own has by name, instead of from the stage before.

A recipe may also be a single stage of another one:

    stage: {of: chex, name: detect, from: MODEL}        # from is optional
    training: {epochs: 3}                               # what is different
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import Field

from plainfilm import config
from plainfilm.errors import ConfigError, nearest
from plainfilm.training.recipe import Recipe, find_recipe

STAGES, STAGE = "stages", "stage"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Stage:
    """One stage; its folder is called `stage-NAME`."""

    name: str
    recipe: Recipe

    @property
    def folder(self) -> str:
        """Where it lies below the folder of the run; `parts.NAME.from` may name it so, too."""
        return folder_of(self.name)


@dataclass(frozen=True)
class StagedRecipe:
    """Recipes that are trained one after another, each from parts of those before."""

    stages: tuple[Stage, ...]

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """The recipe of each stage."""
        return tuple(stage.recipe for stage in self.stages)

    @property
    def last(self) -> Recipe:
        """The recipe of the last stage."""
        return self.stages[-1].recipe

    def each(self, recipes: Sequence[Recipe]) -> StagedRecipe:
        """The same stages with other `recipes`."""
        pairs = zip(self.stages, recipes, strict=True)
        return StagedRecipe(tuple(replace(stage, recipe=recipe) for stage, recipe in pairs))

    def as_dict(self) -> dict[str, Any]:
        """All stages with every default written out, as plain values; a recipe of its own."""
        return {STAGES: [{"name": stage.name, **stage.recipe.as_dict()} for stage in self.stages]}


AnyRecipe = Recipe | StagedRecipe


def recipes_of(recipe: AnyRecipe) -> tuple[Recipe, ...]:
    """The recipes that are trained one after another."""
    return recipe.recipes if isinstance(recipe, StagedRecipe) else (recipe,)


def resolved(values: Mapping[str, Any], where: str) -> AnyRecipe:
    """The recipe that `as_dict` was written of, with what is now the default of keys it did not know.

    Raises:
        ConfigError: a key or value that is not right.
    """
    with config.naming(where):
        return _resolved(values, where)


def _resolved(values: Mapping[str, Any], where: str) -> AnyRecipe:
    if STAGES not in values:
        return config.build(Recipe, values, where)
    try:
        stages = [(str(one["name"]), {k: v for k, v in one.items() if k != "name"}) for one in values[STAGES]]
    except (TypeError, KeyError):
        raise ConfigError(f"{where}: stages: not what a run writes; start a new run") from None
    return StagedRecipe(tuple(Stage(name, config.build(Recipe, one, where)) for name, one in stages))


def folder_of(stage: str) -> str:
    """The folder of the stage called `stage`, below that of the run."""
    return f"stage-{stage}"


@dataclass(frozen=True)
class StageValues:
    """What one stage says, merged with what is common: values of a recipe. starts: for each part that says
    so, where it comes from, `None` for nowhere. source: the folder of a model that it starts from."""

    name: str
    values: dict[str, Any]
    starts: dict[str, str | None]
    source: Path | None = None


def read_stages(values: Mapping[str, Any], overrides: Sequence[str] = ()) -> list[StageValues]:
    """The stages of a recipe with `stages`, each merged with what is common; `overrides` are written
    `stages.NAME.key=value`, with the name of a stage or its number.

    Raises:
        ConfigError: stages that are no list of mappings, a name that is not one or stands twice, or an
            override of a stage that is not there.
    """
    stages = values[STAGES]
    if not isinstance(stages, list) or not stages or not all(isinstance(one, Mapping) for one in stages):
        raise ConfigError("stages: write a list of mappings, each with what the stage changes")
    names = _names(stages)
    own = [dict(one) for one in stages]
    for assignment in overrides:
        number, change = _addressed(assignment, names)
        own[number] = config.override(own[number], [change])
    common = {key: value for key, value in values.items() if key != STAGES}
    return [
        _merged_stage(name, common, {key: value for key, value in one.items() if key != "name"}, number == 0)
        for number, (name, one) in enumerate(zip(names, own, strict=True))
    ]


class SingleStage(config.Settings):
    """A recipe that is one stage of another. of: the name or file of the recipe with stages. name: of the
    stage. source: the folder of a model to start from."""

    of: str
    name: str
    source: str | None = Field(default=None, alias="from")


def single_stage(values: Mapping[str, Any]) -> StageValues:
    """The only stage of a recipe with `stage`.

    Raises:
        ConfigError: no such recipe, or it has no such stage.
    """
    if not isinstance(values[STAGE], Mapping):
        raise ConfigError("stage: write {of: RECIPE, name: STAGE}")
    stated = config.build(SingleStage, values[STAGE], "stage")
    whole = config.read_yaml(find_recipe(stated.of))
    if STAGES not in whole:
        raise ConfigError(f"stage.of: recipe '{stated.of}' has no stages")
    stages = read_stages(whole)
    names = [one.name for one in stages]
    number = number_of(stated.name, names)
    if number is None:
        known = nearest(stated.name, names)
        raise ConfigError(f"stage.name: no stage '{stated.name}' in {stated.of}: {known}")
    own = {key: value for key, value in values.items() if key != STAGE}
    return _merged_stage(stages[number].name, stages[number].values, own | {"from": stated.source}, False)


def _names(stages: Sequence[Mapping[str, Any]]) -> list[str]:
    names: list[str] = []
    for number, stage in enumerate(stages, 1):
        name = str(stage["name"]) if stage.get("name") is not None else str(number)
        if not _NAME.fullmatch(name) or name.startswith("stage-") or (name.isdigit() and name != str(number)):
            raise ConfigError(
                f"stages.{number}.name is '{name}': letters, digits, '_' and '-', neither a number that is "
                "not its own nor beginning with 'stage-'"
            )
        if name.lower() in (other.lower() for other in names):
            raise ConfigError(f"stages.{number}.name: two stages are called '{name}'; rename one")
        names.append(name)
    return names


def _addressed(assignment: str, names: Sequence[str]) -> tuple[int, str]:
    """Which stage an override is for, and the override without that."""
    path, separator, value = assignment.partition("=")
    _, _, rest = path.partition(".")
    name, _, key = rest.partition(".")
    number = number_of(name, names)
    if number is None:
        raise ConfigError(f"'{assignment}': no stage '{name}': {nearest(name, names)}")
    if not key or key == "name":
        raise ConfigError(f"'{assignment}': name a key of the stage, e.g. stages.{name}.training.epochs=5")
    return number, f"{key}{separator}{value}"


def number_of(name: str, names: Sequence[str]) -> int | None:
    """The place from 0 of the stage that `name` stands for: its name, its number from 1, or either after
    "stage-"."""
    plain = name.removeprefix("stage-")
    if plain in names:
        return list(names).index(plain)
    if plain.isdigit() and 1 <= int(plain) <= len(names):
        return int(plain) - 1
    return None


def _merged_stage(
    name: str, common: Mapping[str, Any], own: Mapping[str, Any], is_first: bool
) -> StageValues:
    start, source = (common if is_first else _without_starts(common)), own.get("from")
    merged = _merged(start, {key: value for key, value in own.items() if key != "from"})
    parts = merged.get("parts")
    stated = {**(parts if isinstance(parts, Mapping) else {})}
    own_parts = own.get("parts")
    named = stated if is_first else (own_parts if isinstance(own_parts, Mapping) else {})
    starts = {part: one["from"] for part, one in named.items() if isinstance(one, Mapping) and "from" in one}
    return StageValues(name, merged, starts, None if source is None else Path(str(source)))


def _without_starts(common: Mapping[str, Any]) -> dict[str, Any]:
    parts = common.get("parts")
    if not isinstance(parts, Mapping):
        return dict(common)
    kept = {
        name: {key: value for key, value in one.items() if key not in ("from", "fingerprint")}
        if isinstance(one, Mapping)
        else one
        for name, one in parts.items()
    }
    return {**common, "parts": kept}


def _merged(common: Any, own: Any) -> dict[str, Any]:
    """`common` as `own` changes it."""
    found = dict(common)
    for key, value in own.items():
        before = common.get(key)
        is_whole = key == "objective" or not (isinstance(value, Mapping) and isinstance(before, Mapping))
        found[key] = value if is_whole or _names_another(before, value) else _merged(before, value)
    return found


def _names_another(before: Any, value: Any) -> bool:
    return "use" in value and "use" in before and value["use"] != before["use"]
