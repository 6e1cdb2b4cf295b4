"""Recipes: YAML files that fully describe a training run.

A recipe is a shipped name (`txtrayalign`) or a path. Loading checks all of it, an encoder's or objective's
settings by its own `Config`, so that a typing error shows in seconds and not hours later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Protocol, Self

import yaml
from pydantic import Field, field_validator, model_validator

from plainfilm import config
from plainfilm.batches.batch import FilmsPerItem
from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.dataset import ItemNeeds
from plainfilm.batches.rows import Requirement
from plainfilm.batches.targets.base import requires, tokenizers_of
from plainfilm.config import Settings
from plainfilm.errors import ConfigError, nearest
from plainfilm.evaluators.base import EvaluatorModule, evaluator_config, provider
from plainfilm.io.files import replacing
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import read_model_config
from plainfilm.models.base import REST, KindConfig, kind_config
from plainfilm.objectives.base import ObjectiveModule, films_of, objective
from plainfilm.training.log import Tracker
from plainfilm.training.lookahead import LookaheadConfig
from plainfilm.training.parts import PartConfig
from plainfilm.training.pretrained import with_pretrained

SHIPPED = Path(__file__).parent.parent / "recipes"

MAX_TOKENS = 128
"""The longest text, in tokens, if neither the recipe nor the model sets it."""


class TokenizerConfig(Settings):
    """The origin of a tokenizer: `name` (a pretrained one), else the name of the encoder that reads with it,
    else a tokenizer of `vocabulary` pieces, trained on the sentences of the training split. `max_tokens` is
    the longest text; `None` means the model's limit, or 128 if it has none."""

    name: str | None = None
    vocabulary: int = Field(default=4096, ge=300)
    max_tokens: int | None = Field(default=None, ge=4)


class TrainingConfig(Settings):
    """The settings of the optimization.

    epochs: number of passes over all items. max_steps ends training (and the schedule) before `epochs` do;
    if `epochs` is `None`, it is the number of optimizer steps for any fraction of the data. batch_size: items
    over all processes. sub_batch_size: items that pass through the encoders at once (`None`: all; the
    gradients are the same). accumulate: batches per optimizer step. learning_rate: peak rate of all parts
    without one of their own. warmup_steps: optimizer steps, instead of `warmup_epochs`. lookahead: see
    `training.lookahead`. max_grad_norm: gradients with a larger norm are scaled down to it. batch_norm: the
    source of the statistics of batch normalisation layers: the whole batch (which must then pass at once, in
    one process), the stored ones ("frozen"), or each slice ("slices": not the gradients of the whole batch).
    activation_checkpointing: encoders compute activations anew in the backward pass (less memory, more time).
    checkpoint_minutes: the longest time between checkpoints, which are also written after every epoch;
    checkpoint_steps: additional checkpoints, one every so many steps.
    """

    RENAMED: ClassVar = {
        "rate": "training.learning_rate",
        "clip": "training.max_grad_norm",
        "image_rate": "parts.image.learning_rate",
        "text_rate": "parts.text.learning_rate",
        "freeze_image": "parts.image.freeze",
        "freeze_text_layers": "parts.text.freeze",
    }

    epochs: int | None = Field(default=50, ge=1)
    max_steps: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=32, ge=2)
    sub_batch_size: int | None = Field(default=None, ge=1)
    accumulate: int = Field(default=1, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0)
    warmup_epochs: float = Field(default=1.0, ge=0)
    warmup_steps: int | None = Field(default=None, ge=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    optimizer: Literal["adamw", "sgd"] = "adamw"
    weight_decay: float = Field(default=1e-6, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    lookahead: LookaheadConfig | None = None
    max_grad_norm: float | None = Field(default=None, gt=0)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    memory_format: Literal["auto", "contiguous", "channels_last"] = "auto"
    batch_norm: Literal["batch", "frozen", "slices"] = "batch"
    activation_checkpointing: bool = False
    checkpoint_minutes: float = Field(default=10.0, gt=0)
    checkpoint_steps: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.epochs is None and self.max_steps is None:
            raise ValueError("epochs and max_steps are both null: training would never end; set one")
        return self


class ValidationConfig(Settings):
    """The schedule of validation and the choice of the best model.

    every: "epoch", or a number of optimizer steps. metric: "loss", another part of the loss by its name, or
    a metric of an evaluator, such as "recall@5" (share of images whose own text is among the 5 most similar)
    or "auroc_macro" (mean over the observations that have images of both classes). evaluators: additional
    evaluators to run and log, by `use`; those that the metric needs are added automatically. patience:
    validations without a better value before training stops. sentences: number of first sentences of an
    item's text that are read; `None` reads all. items: the largest number of items, always the same ones.
    """

    every: Literal["epoch"] | Annotated[int, Field(ge=1)] = "epoch"
    metric: str = "loss"
    evaluators: tuple[dict[str, Any], ...] = ()
    patience: int | None = Field(default=None, ge=1)
    sentences: int | None = Field(default=None, ge=1)
    items: int | None = Field(default=None, ge=2)

    @field_validator("metric")
    @classmethod
    def _is_known(cls, value: str) -> str:
        name, separator, number = value.partition("@")
        if separator and name == "recall" and not (number.isdigit() and int(number) > 0):
            raise ValueError("recall needs a number, e.g. recall@5")
        return value

    @field_validator("evaluators")
    @classmethod
    def _are_known(cls, values: tuple[dict[str, Any], ...]) -> tuple[dict[str, Any], ...]:
        for one in values:
            evaluator_config(one)
        return values


class Recipe(Settings):
    """One training run.

    model: names a kind by `use` and holds its settings. parts: what is done with parts of the model, by name;
    `rest` is what belongs to none.
    objective: names a file by `use` and holds its settings; several, each with a `weight`, add up.
    """

    RENAMED: ClassVar = {
        **{key: f"model.{key}" for key in ("image", "text", "projection", "temperature")},
        "tokenizer": "tokenizers.text",
        "init": "parts.image.from",
    }

    model: dict[str, Any]
    parts: dict[str, PartConfig] = Field(default_factory=dict)
    tokenizers: dict[str, TokenizerConfig] = Field(default_factory=dict)
    preprocessing: Preprocessing = Preprocessing()
    objective: dict[str, Any] | tuple[dict[str, Any], ...]
    data: DataConfig = DataConfig()
    training: TrainingConfig = TrainingConfig()
    validation: ValidationConfig = ValidationConfig()
    trackers: tuple[Tracker, ...] = ()
    seed: int = 0

    @model_validator(mode="before")
    @classmethod
    def _has_no_stages(cls, values: Any) -> Any:
        if isinstance(values, Mapping) and "stages" in values:
            raise ConfigError("'stages' are read with `load_stages`, as `plainfilm train` does")
        return values

    @field_validator("model")
    @classmethod
    def _model_is_known(cls, values: dict[str, Any]) -> dict[str, Any]:
        if "use" in values and "image" not in values:
            raise ConfigError(
                "key 'model.image' is missing: name an image encoder, or take that of a model with "
                "parts.image.from=MODEL (`plainfilm finetune ... --init MODEL` does)"
            )
        return kind_config(values, "model").model_dump(mode="json")

    @field_validator("objective")
    @classmethod
    def _objectives_are_known(
        cls, values: dict[str, Any] | tuple[dict[str, Any], ...]
    ) -> dict[str, Any] | tuple[dict[str, Any], ...]:
        if isinstance(values, Mapping):
            return _checked_objective(values)
        if not values:
            raise ConfigError("objective: an empty list: name at least one, e.g. {use: infonce}")
        return tuple(_checked_objective(one) for one in values)

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.needs.films == "pair" and self.data.item == "image":
            several = next(one["use"] for one in self.objectives if films_of(objective(one["use"])) == "pair")
            raise ConfigError(f"data.item is 'image': objective '{several}' needs item: study")
        if self.parts.get(REST, PartConfig()).freeze:
            raise ConfigError(f"parts.{REST}.freeze: only parts can be frozen; leave it out")
        if self.preprocessing.read_side is not None:
            raise ConfigError("preprocessing.read_side is set by training: set data.cache instead")
        side = self.preprocessing.side
        if self.data.cache is not None and self.data.cache < side:
            key = "size" if self.preprocessing.resize is None else "resize"
            raise ConfigError(
                f"data.cache is {self.data.cache} and preprocessing.{key} {side}: films would be enlarged; "
                f"set data.cache={round(side * 8 / 7)}"
            )
        channels = self.model["image"].get("channels", self.preprocessing.channels)
        if channels != self.preprocessing.channels:
            raise ConfigError(
                f"model.image.channels is {channels} and preprocessing.channels "
                f"{self.preprocessing.channels}: make them the same"
            )
        return self

    @model_validator(mode="after")
    def _tokenizers_fit(self) -> Self:
        known = self.architecture.tokenizers()
        for name in self.tokenizers:
            if name not in known:
                raise ConfigError(f"tokenizers.{name}: {self._tokenizers_of_model(known)}; remove this key")
        measured = (name for module, _ in self.evaluators() for name in module.NEEDS)
        for name in (*self.needs.targets, *measured):
            missing = [tokenizer for tokenizer in tokenizers_of(name) if tokenizer not in known]
            if missing:
                raise ConfigError(
                    f"target '{name}' needs tokenizer '{missing[0]}', but {self._tokenizers_of_model(known)};"
                    " choose another objective, metric or model"
                )
        return self

    def _tokenizers_of_model(self, known: Iterable[str]) -> str:
        names = ", ".join(repr(name) for name in known)
        return f"model '{self.model['use']}' has " + (f"only {names}" if names else "no tokenizer")

    @property
    def architecture(self) -> KindConfig:
        """The checked settings of the model."""
        return kind_config(self.model, "model")

    @property
    def objectives(self) -> tuple[dict[str, Any], ...]:
        """The objectives, as a tuple even if there is one."""
        return (self.objective,) if isinstance(self.objective, dict) else self.objective

    @property
    def needs(self) -> ItemNeeds:
        """The films and targets that are read of every item; all films, where the model fuses them."""
        modules = [objective(one["use"]) for one in self.objectives]
        most = max((films_of(module) for module in modules), key=_FILMS.index)
        if most == "one" and self.data.item == "study" and self.architecture.fuses_films:
            most = "all"
        targets = [name for module in modules for name in module.NEEDS]
        return ItemNeeds(most, tuple(dict.fromkeys(targets)))

    @property
    def required(self) -> tuple[Requirement, ...]:
        """The requirements of each objective for an item."""
        modules = [objective(one["use"]) for one in self.objectives]
        return tuple(
            frozenset(what for name in module.NEEDS if (what := requires(name))) for module in modules
        )

    def reads(self, what: str) -> bool:
        """Whether any objective needs "text" or "labels"."""
        return any(what in one for one in self.required)

    @property
    def keeps_features(self) -> bool:
        """Whether the features of films are to be kept, as nothing changes them."""
        image = self.parts.get("image", PartConfig())
        return image.freeze is True and not self.data.augment and self.data.cache_features

    def evaluators(self) -> list[tuple[EvaluatorModule, Settings]]:
        """The evaluators of validation: those that the recipe names and those that its metric needs."""
        evaluators = [evaluator_config(one) for one in self.validation.evaluators]
        measured = {name for module, settings in evaluators for name in module.metrics(settings)}
        if self.validation.metric not in measured:
            missing = provider(self.validation.metric, self.objectives)
            if missing is not None:
                evaluators.append(evaluator_config(missing))
        return evaluators

    def longest_text(self, tokenizer: str) -> int:
        """The largest number of tokens of a text that is read or written with `tokenizer`."""
        stated = self.tokenizers.get(tokenizer, TokenizerConfig()).max_tokens
        return stated or self.architecture.tokenizers()[tokenizer].max_tokens or MAX_TOKENS

    def sources(self) -> dict[str, str]:
        """The folders that parts are taken from, by part."""
        return {name: one.source for name, one in self.parts.items() if one.source is not None}

    def as_dict(self) -> dict[str, Any]:
        """The recipe with every default written out, as plain values."""
        return self.model_dump(mode="json", by_alias=True)


_FILMS: tuple[FilmsPerItem, ...] = ("one", "pair", "all")


def objective_config(values: Mapping[str, Any]) -> tuple[ObjectiveModule, Settings]:
    """The objective that `values["use"]` names, and its checked settings."""
    module = objective(str(values["use"]))
    settings = {key: value for key, value in values.items() if key not in ("use", "weight")}
    return module, config.build(module.Config, settings, "objective")


def _checked_objective(values: Mapping[str, Any]) -> dict[str, Any]:
    if "use" not in values:
        raise ConfigError("objective: key 'use' is missing: name an objective, e.g. use: infonce")
    weight = values.get("weight", 1.0)
    if not isinstance(weight, int | float) or isinstance(weight, bool) or not weight > 0:
        raise ConfigError(f"objective: 'weight' is {weight!r}: it takes a number above 0")
    _, settings = objective_config(values)
    stated = settings.model_dump(mode="json", exclude={"use"})
    return {"use": values["use"], "weight": float(weight), **stated}


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with Plainfilm."""
    return sorted(file.stem for file in SHIPPED.glob("*.yaml"))


def load_recipe(
    name_or_path: str | Path,
    overrides: Sequence[str] = (),
    init: Path | None = None,
    *,
    trust_code: bool = False,
) -> Recipe:
    """Load the recipe of a shipped name or a YAML file, with `key=value` overrides, and check all of it; with
    `init`, it takes the parts of the model in that folder (`taking_parts_from`).

    Raises:
        ConfigError: no such recipe, or an invalid key, name or value.
        ModelError: a folder that parts are taken from is no model folder.
    """
    path = find_recipe(str(name_or_path))
    values = config.override(config.read_yaml(path), overrides)
    if init is not None:
        values = taking_parts_from(values, init, trust_code)
    with config.naming(str(name_or_path)):
        return config.build(Recipe, with_pretrained(values, trust_code), str(name_or_path))


def taking_parts_from(values: Mapping[str, Any], model: Path, trust_code: bool = False) -> dict[str, Any]:
    """The values of a recipe whose image encoder is that of the model in this folder, and its fusion of films
    as well, if both have one and the recipe does not say where its own comes from."""
    parts, names = dict(values.get("parts") or {}), ["image"]
    if "fusion" in (values.get("model") or {}) and "from" not in (parts.get("fusion") or {}):
        architecture = read_model_config(model, trust_code).architecture
        names += ["fusion"] if getattr(architecture, "fusion", None) is not None else []
    for name in names:
        parts[name] = {**(parts.get(name) or {}), "from": str(model)}
    return {**values, "parts": parts}


class Writes(Protocol):
    """A recipe, with stages or without."""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, every default written out."""
        ...


def save_recipe(recipe: Writes, path: Path) -> None:
    """Write the recipe with every default written out."""
    with replacing(path) as temporary:
        temporary.write_text(yaml.safe_dump(recipe.as_dict(), sort_keys=False), encoding="utf-8")


def find_recipe(name: str) -> Path:
    """The file of a shipped recipe, or that with this path.

    Raises:
        ConfigError: there is none.
    """
    if name in shipped_recipes():
        return SHIPPED / f"{name}.yaml"
    path = Path(name)
    if path.is_file():
        return path
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        raise ConfigError(f"{name}: no such recipe file")
    raise ConfigError(
        f"unknown recipe '{name}': {nearest(name, shipped_recipes())}; or give a YAML file's path"
    )
