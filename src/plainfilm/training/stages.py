"""Turns a recipe with stages into recipes that can be trained, and checks all of them before data are read.

A stage after the first starts from the parts that its model has in common, by name, with the model of the
stage before; if both are of one kind, also from the parameters outside all parts. `parts.NAME.from` overrides
this: a folder, an earlier stage, or null for a part that starts from random weights. The settings that belong
to weights (of an encoder, its tokenizer, the preprocessing of films) are inherited from a stage as they are
from a model folder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plainfilm import config
from plainfilm.errors import ConfigError, ModelError, PlainfilmError
from plainfilm.model_folder import LoadedModel, ModelConfig, load_model
from plainfilm.models.base import REST, Model, kind
from plainfilm.training.dry_run import dry_run, facts_of
from plainfilm.training.pretrained import (
    PartSource,
    PretrainedParts,
    read_pretrained,
    with_part,
    with_pretrained,
)
from plainfilm.training.recipe import Recipe, find_recipe, load_recipe, taking_parts_from
from plainfilm.training.setup import build_model
from plainfilm.training.staged_recipe import (
    STAGE,
    STAGES,
    AnyRecipe,
    Stage,
    StagedRecipe,
    StageValues,
    folder_of,
    number_of,
    read_stages,
    single_stage,
)


def load_stages(
    name_or_path: str | Path,
    overrides: Sequence[str] = (),
    init: Path | None = None,
    *,
    trust_code: bool = False,
) -> AnyRecipe:
    """Load a recipe as `training.recipe.load_recipe` does, or one with stages, of which every model is built
    and given a dry run. The first stage starts from the model in `init`.

    Raises:
        ConfigError: no such recipe, or an invalid key, name or value.
        ModelError: a folder that parts are taken from is no model folder, or its parts do not fit.
    """
    path = find_recipe(str(name_or_path))
    of_stages = [one for one in overrides if one.startswith(f"{STAGES}.")]
    common = [one for one in overrides if one not in of_stages]
    values = config.override(config.read_yaml(path), common)
    if STAGE in values:
        try:
            return _try(single_stage(values), [], [], trust_code).stage.recipe
        except ConfigError as error:
            raise ConfigError(f"{name_or_path}: {error}") from None
    if STAGES not in values:
        if of_stages:
            raise ConfigError(f"'{of_stages[0]}': {name_or_path} has no stages")
        return load_recipe(name_or_path, common, init, trust_code=trust_code)
    if init is not None:
        values = taking_parts_from(values, init, trust_code)
    try:
        return _checked(read_stages(values, of_stages), trust_code)
    except ConfigError as error:
        raise ConfigError(f"{name_or_path}: {error}") from None


@dataclass(frozen=True)
class _Tried:
    """A stage after its dry run. stated: the settings that later recipes may repeat for each part."""

    stage: Stage
    model: Model
    stated: Mapping[str, tuple[Any, ...]]

    @property
    def folder(self) -> str:
        return self.stage.folder

    @property
    def source(self) -> PartSource:
        return PartSource(self.folder, self.loaded.config, self.stated)

    @property
    def loaded(self) -> LoadedModel:
        recipe = self.stage.recipe
        preprocessing = recipe.preprocessing.model_copy(update={"read_side": recipe.data.cache})
        return LoadedModel(
            self.model, {}, ModelConfig(architecture=self.model.rebuilt_from(), preprocessing=preprocessing)
        )


@dataclass(frozen=True)
class _Given:
    """A model in a folder that a stage starts from."""

    path: Path
    loaded: LoadedModel

    @property
    def folder(self) -> str:
        return str(self.path)

    @property
    def model(self) -> Model:
        return self.loaded.model

    @property
    def source(self) -> PartSource:
        return PartSource(self.folder, self.loaded.config)


def _checked(stages: Sequence[StageValues], trust_code: bool) -> StagedRecipe:
    tried: list[_Tried] = []
    names = [one.name for one in stages]
    for stage in stages:
        try:
            tried.append(_try(stage, names, tried, trust_code))
        except ModelError as error:
            way_out = " (parts.NAME.from=null begins a part anew)" if tried else ""
            raise ModelError(f"stage '{stage.name}': {error}{way_out}") from None
        except PlainfilmError as error:
            raise type(error)(f"stage '{stage.name}': {error}") from None
    return StagedRecipe(tuple(one.stage for one in tried))


def _try(stage: StageValues, names: Sequence[str], before: Sequence[_Tried], trust_code: bool) -> _Tried:
    """The stage with the sources of its parts, after a dry run of its model."""
    earlier = {folder_of(one.stage.name): one for one in before}
    starts = {part: _start(part, source, names, len(before)) for part, source in stage.starts.items()}
    values, previous = _without_starts(stage.values), _previous(stage, before, trust_code)
    folders = {part: source for part, source in starts.items() if source and source not in earlier}
    values = with_pretrained(_with_starts(values, folders), trust_code)
    for part, source in starts.items():
        if source in earlier:
            values = with_part(_with_starts(values, {part: source}), part, earlier[source].source)
    if previous is not None:
        values = _with_settings(values, previous, starts)
        model = _built(values, _pretrained(starts, earlier, trust_code))
        shared = [name for name in _shared(model, previous.model) if name not in starts]
        for part in shared:
            values = with_part(_with_starts(values, {part: previous.folder}), part, previous.source)
        starts |= dict.fromkeys(shared, previous.folder)
    recipe = config.build(Recipe, _with_fingerprints(values, previous), "recipe")
    model = dry_run(recipe, _pretrained(starts, earlier, trust_code))
    stated = {name: (settings,) for name, settings in recipe.model.items()}
    for part, source in starts.items():
        if source in earlier:  # settings that were stated there may be repeated
            stated[part] = (*stated.get(part, ()), *earlier[source].stated.get(part, ()))
    return _Tried(Stage(stage.name, recipe), model, stated)


def _previous(stage: StageValues, before: Sequence[_Tried], trust_code: bool) -> _Tried | _Given | None:
    """What a stage starts from: the model in a folder that it names, or the stage before."""
    if stage.source is not None:
        return _Given(stage.source, load_model(stage.source, trust_code))
    return before[-1] if before else None


def _start(part: str, source: Any, names: Sequence[str], current: int) -> str | None:
    """The folder that a part is taken from; for an earlier stage, `stage-NAME`."""
    if source is None:
        return None
    number = number_of(str(source), names)
    is_name = str(source) in names or str(source).startswith("stage-")
    if number is None or not is_name:
        if str(source).startswith("stage-") and not Path(str(source)).is_dir():
            known = ", ".join(folder_of(name) for name in names[:current]) or "none"
            raise ConfigError(f"parts.{part}.from: no stage '{source}' before this one; there are: {known}")
        return str(source)
    if number >= current:
        known = ", ".join(folder_of(name) for name in names[:current]) or "none"
        raise ConfigError(
            f"parts.{part}.from: '{source}' is not before this stage; those before it are: {known}"
        )
    return folder_of(names[number])


def _with_starts(values: Mapping[str, Any], starts: Mapping[str, str]) -> dict[str, Any]:
    parts = {name: dict(one or {}) for name, one in (values.get("parts") or {}).items()}
    for name, source in starts.items():
        parts[name] = {**parts.get(name, {}), "from": source}
    return {**values, "parts": parts}


def _with_fingerprints(values: dict[str, Any], previous: _Tried | _Given | None) -> dict[str, Any]:
    """The values with the fingerprint of the model in a folder beside every part that comes from it."""
    if not isinstance(previous, _Given):
        return values
    own = {"fingerprint": previous.loaded.config.fingerprint}
    parts = {
        name: {**one, **(own if one.get("from") == previous.folder else {})}
        for name, one in values["parts"].items()
    }
    return {**values, "parts": parts}


def _without_starts(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values without any `from`, which `_with_starts` restores."""
    parts = values.get("parts")
    if not isinstance(parts, Mapping) or not all(isinstance(one, Mapping) for one in parts.values()):
        return dict(values)
    return {**values, "parts": {k: {**one, "from": None} for k, one in parts.items()}}


def _with_settings(
    values: Mapping[str, Any], previous: _Tried | _Given, starts: Mapping[str, str | None]
) -> dict[str, Any]:
    """The values with the settings of encoders that are taken from the stage before by default."""
    found = dict(values)
    model = found.get("model")
    if not isinstance(model, Mapping) or "use" not in model:
        return found
    config = kind(str(model["use"])).Config
    parts, fields = previous.model.parts(), config.model_fields
    for name, settings in previous.source.architecture.items():
        is_part = isinstance(settings, Mapping) and name in parts and name in fields
        is_wanted = is_part and (name in model or fields[name].is_required())
        if is_wanted and "use" in settings and name not in starts:
            found = with_part(found, name, previous.source)
        if name in fields and name not in model and config.describes.get(name) in parts:
            found["model"] = {**found["model"], name: settings}
    return found


def _built(values: Mapping[str, Any], pretrained: PretrainedParts) -> Model:
    recipe = config.build(Recipe, values, "recipe")
    return build_model(recipe, facts_of(recipe, pretrained), pretrained)


def _shared(model: Model, before: Model) -> list[str]:
    """The parts of both models, and `REST` if they are of one kind and it has parameters outside parts."""
    shared = [name for name in model.parts() if name in before.parts()]
    is_same_kind = model.config.use == before.config.use
    return [*shared, REST] if is_same_kind and model.other_state() else shared


def _pretrained(
    starts: Mapping[str, str | None], earlier: Mapping[str, _Tried], trust_code: bool
) -> PretrainedParts:
    """The parts that a stage starts from; those of earlier stages come from their dry runs."""
    sources = {part: source for part, source in starts.items() if source is not None}
    folders = read_pretrained({p: s for p, s in sources.items() if s not in earlier}, trust_code)
    models = {part: earlier[source].loaded for part, source in sources.items() if source in earlier}
    return PretrainedParts({**folders.models, **models}, sources)
