"""Recipes: YAML files that say everything about a training run.

A recipe is a shipped name (`txtrayalign`) or a path. Everything in it is checked here, parts that
belong to an encoder or an objective by that file's own `Config`, so that a typing error costs seconds
and not the hours until the key is first read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import Field, field_validator, model_validator

from plainfilm import config
from plainfilm.batches.batch import Needs
from plainfilm.batches.rows import DataConfig
from plainfilm.config import Settings
from plainfilm.errors import ConfigError, nearest
from plainfilm.io.files import replacing
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.nn.base import encoder_config
from plainfilm.nn.classifier import ClassifierConfig
from plainfilm.nn.dual_encoder import ArchitectureConfig
from plainfilm.nn.model import Architecture
from plainfilm.nn.projection import ProjectionConfig
from plainfilm.objectives.base import ObjectiveModule, objective, trained_kind
from plainfilm.training.log import Tracker

SHIPPED = Path(__file__).parent.parent / "recipes"


class TokenizerConfig(Settings):
    """Where the tokenizer comes from: `name` (a pretrained one), else the text encoder's own name, else
    one of `vocabulary` pieces is trained on the sentences of the training split. `max_tokens` is the
    longest text; where it is `None`, as many as the text encoder says it takes, or 128."""

    name: str | None = None
    vocabulary: int = Field(default=4096, ge=300)
    max_tokens: int | None = Field(default=None, ge=4)


class TrainingConfig(Settings):
    """How weights are changed.

    epochs: how often all items are seen. max_steps ends training (and the schedule) before `epochs` do; where
    these are `None` it is the number of optimizer steps, the same for any share of the data.
    batch_size is over all processes; sub_batch_size is how many items pass through the encoders at once
    (`None`: all; the gradients are the same). accumulate: batches per optimizer step. rate: peak
    learning rate of what follows the encoders, and of the encoders where image_rate and text_rate are
    `None`. warmup_steps: optimizer steps in place of `warmup_epochs`. clip: largest gradient norm.
    batch_norm: what layers of batch normalisation, if there are any, take their statistics from: the whole
    batch (which must then pass at once and in one process), what they were stored with ("frozen"), or each
    slice by itself ("slices": not the gradients of the whole batch).
    freeze_text_layers: "all", or N for the embeddings and the first N blocks. checkpoint_minutes: a
    checkpoint is written at least this often, and after every epoch; checkpoint_steps adds one every so
    many steps.
    """

    epochs: int | None = Field(default=50, ge=1)
    max_steps: int | None = Field(default=None, ge=1)
    batch_size: int = Field(default=32, ge=2)
    sub_batch_size: int | None = Field(default=None, ge=1)
    accumulate: int = Field(default=1, ge=1)
    rate: float = Field(default=1e-4, gt=0)
    image_rate: float | None = Field(default=None, gt=0)
    text_rate: float | None = Field(default=None, gt=0)
    warmup_epochs: float = Field(default=1.0, ge=0)
    warmup_steps: int | None = Field(default=None, ge=0)
    schedule: Literal["cosine", "constant"] = "cosine"
    optimizer: Literal["adamw", "sgd"] = "adamw"
    weight_decay: float = Field(default=1e-6, ge=0)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    clip: float | None = Field(default=None, gt=0)
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    memory_format: Literal["auto", "contiguous", "channels_last"] = "auto"
    freeze_image: bool = False
    batch_norm: Literal["batch", "frozen", "slices"] = "batch"
    freeze_text_layers: Annotated[int, Field(ge=0)] | Literal["all"] | None = None
    checkpoint_minutes: float = Field(default=10.0, gt=0)
    checkpoint_steps: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _ends(self) -> Self:
        if self.epochs is None and self.max_steps is None:
            raise ValueError("epochs and max_steps are both null: training would never end; set one")
        return self

    @property
    def frozen_text(self) -> bool | int:
        """As `nn.freezing.freeze` takes it: all, nothing, or a number of blocks."""
        if self.freeze_text_layers is None:
            return False
        return True if self.freeze_text_layers == "all" else self.freeze_text_layers


class ValidationConfig(Settings):
    """When and by what the best model is chosen.

    every: "epoch", or a number of optimizer steps. metric: "loss", another part of the loss by its name,
    "recall@K" (share of films whose own text is among the K most similar), or "auroc_macro" of a classifier
    (mean over the observations that have films of both classes). patience: validations
    without a better value before training stops. sentences: how many first sentences of an item's text
    are read; `None` reads all. items: at most so many items, always the same.
    """

    every: Literal["epoch"] | Annotated[int, Field(ge=1)] = "epoch"
    metric: str = "loss"
    patience: int | None = Field(default=None, ge=1)
    sentences: int | None = Field(default=None, ge=1)
    items: int | None = Field(default=None, ge=2)

    @field_validator("metric")
    @classmethod
    def _is_known(cls, value: str) -> str:
        name, separator, number = value.partition("@")
        if separator and not (name == "recall" and number.isdigit() and int(number) > 0):
            raise ValueError("a metric with @ is recall@K, e.g. recall@5")
        return value

    @property
    def higher_is_better(self) -> bool:
        """True for recall and AUROC; a loss is better when lower."""
        return self.ranks_pairs or self.metric.startswith("auroc")

    @property
    def ranks_pairs(self) -> bool:
        """True for a metric of films and their texts."""
        return self.metric.startswith("recall@")


class Recipe(Settings):
    """One training run. `image`, `text` and `objective` name a file by `use` and hold its settings.

    A classifier has no `text`. What a run starts from (`training.start`) brings `image` and `preprocessing`,
    and its fingerprint as `init`.
    """

    image: dict[str, Any] = Field(default_factory=dict)
    text: dict[str, Any] = Field(default_factory=dict)
    tokenizer: TokenizerConfig = TokenizerConfig()
    projection: ProjectionConfig = ProjectionConfig()
    temperature: float = Field(default=0.07, gt=0)
    preprocessing: Preprocessing = Preprocessing()
    objective: dict[str, Any]
    data: DataConfig = DataConfig()
    training: TrainingConfig = TrainingConfig()
    validation: ValidationConfig = ValidationConfig()
    trackers: tuple[Tracker, ...] = ()
    seed: int = 0
    init: str | None = None

    @field_validator("image")
    @classmethod
    def _image_is_known(cls, values: dict[str, Any]) -> dict[str, Any]:
        return _checked_encoder("image", values)

    @field_validator("text")
    @classmethod
    def _text_is_known(cls, values: dict[str, Any]) -> dict[str, Any]:
        return _checked_encoder("text", values)

    @field_validator("objective")
    @classmethod
    def _objective_is_known(cls, values: dict[str, Any]) -> dict[str, Any]:
        if "use" not in values:
            raise ConfigError("objective: key 'use' is missing: name an objective, e.g. use: infonce")
        settings = config.build(objective(str(values["use"])).Config, _without_use(values), "objective")
        return {"use": values["use"], **settings.model_dump(mode="json", exclude={"use"})}

    @model_validator(mode="after")
    def _parts_are_there(self) -> Self:
        if not self.image:
            raise ConfigError(
                "key 'image' is missing: name an image encoder, or take a model's with "
                "`plainfilm finetune ... --init MODEL`"
            )
        if self.is_classifier and self.text:
            raise ConfigError(f"objective '{self.objective['use']}' trains a classifier: leave 'text' out")
        if not self.is_classifier and not self.text:
            raise ConfigError("key 'text' is missing: name a text encoder")
        if self.validation.ranks_pairs and not self.text:
            raise ConfigError(
                f"validation.metric is '{self.validation.metric}', but a classifier reads no texts: set "
                "validation.metric=auroc_macro"
            )
        return self

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        if self.needs.views > 1 and self.data.item == "image":
            raise ConfigError(f"data.item is 'image': objective '{self.objective['use']}' needs item: study")
        if self.preprocessing.read_side is not None:
            raise ConfigError("preprocessing.read_side is set by training: set data.cache instead")
        side = self.preprocessing.side
        if self.data.cache is not None and self.data.cache < side:
            key = "size" if self.preprocessing.resize is None else "resize"
            raise ConfigError(
                f"data.cache is {self.data.cache} and preprocessing.{key} {side}: films would be enlarged; "
                f"set data.cache={round(side * 8 / 7)}"
            )
        channels = self.image.get("channels", self.preprocessing.channels)
        if channels != self.preprocessing.channels:
            raise ConfigError(
                f"image.channels is {channels} and preprocessing.channels {self.preprocessing.channels}: "
                "make them the same"
            )
        return self

    def architecture(self, observations: Sequence[str] = ()) -> Architecture:
        """The part that decides the model's shape; a classifier's is of the `observations` it answers."""
        if self.is_classifier:
            return ClassifierConfig(image=self.image, observations=tuple(observations))
        return ArchitectureConfig(
            image=self.image, text=self.text, projection=self.projection, temperature=self.temperature
        )

    @property
    def is_classifier(self) -> bool:
        """Whether the objective trains a classifier."""
        return trained_kind(self.objective_module) == "classifier"

    @property
    def needs(self) -> Needs:
        """What the objective asks of every item."""
        return self.objective_module.NEEDS

    @property
    def objective_module(self) -> ObjectiveModule:
        """The file that `objective.use` names."""
        return objective(self.objective["use"])

    @property
    def objective_config(self) -> Settings:
        """The checked settings of the objective."""
        return config.build(self.objective_module.Config, _without_use(self.objective), "objective")

    def as_dict(self) -> dict[str, Any]:
        """The recipe with every default written out, as plain values."""
        return self.model_dump(mode="json")


def _checked_encoder(part: str, values: dict[str, Any]) -> dict[str, Any]:
    if not values:
        return values
    settings = encoder_config(f"{part} encoder", values, part)
    check = getattr(settings, "check", None)
    if check is not None:
        check()
    return settings.model_dump(mode="json")


def _without_use(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != "use"}


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with Plainfilm."""
    return sorted(file.stem for file in SHIPPED.glob("*.yaml"))


def load_recipe(
    name_or_path: str | Path, overrides: Sequence[str] = (), given: Mapping[str, Any] | None = None
) -> Recipe:
    """The recipe of a shipped name or a YAML file, with `key=value` overrides, wholly checked; `given` are
    values for keys it does not state.

    Raises:
        ConfigError: no such recipe, or a key, name or value in it that is not right.
    """
    path = _find(str(name_or_path))
    values = _filled(config.override(config.read_yaml(path), overrides), given or {})
    try:
        return config.build(Recipe, values, str(name_or_path))
    except ConfigError as error:
        named = str(error).startswith(f"{name_or_path}:")
        raise ConfigError(str(error) if named else f"{name_or_path}: {error}") from None


def _filled(stated: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """`stated` with what it leaves out of `given`; settings of another `use` are not mixed."""
    found = {**given, **stated}
    for key, value in given.items():
        own = stated.get(key)
        if (
            isinstance(own, Mapping)
            and isinstance(value, Mapping)
            and own.get("use") in (None, value.get("use"))
        ):
            found[key] = {**value, **own}
    return found


def save_recipe(recipe: Recipe, path: Path) -> None:
    """Write the recipe with every default written out."""
    with replacing(path) as temporary:
        temporary.write_text(yaml.safe_dump(recipe.as_dict(), sort_keys=False), encoding="utf-8")


def _find(name: str) -> Path:
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
