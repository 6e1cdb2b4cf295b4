"""The contract of a kind of model: one file that combines encoders and heads.

A kind module (`models/NAME.py`) has these names:

    Config                  a `KindConfig`: the complete architecture of the model; `use` is the file's name
    TINY                    a `Config` that builds in a moment without any file, for tests
    PURPOSE, LIMITS         the intended use and the limitations for the model card
    build(config, facts)    a `Model`

and `PATCHES = False` where it is trained on the pooled features of films alone, never on patches (see
`objectives.base`).

Facts are what data decide: the observations that are answered, and the tokenizers by name. A model may have
none, one or several. What a model can do is an ability, a small protocol; callers ask for it (`ability`) and
never for a class. Everything that is trained and needed to answer belongs to the model.

Axes: N images, C channels, H and W pixels, F features, D shared dimensions, O observations, L tokens, B
studies. Boxes are (x0, y0, x1, y1) as fractions of the model's input, 0 to 1 from the top left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, Self, cast, runtime_checkable

import torch
from pydantic import Field, field_validator
from torch import Tensor, nn

from plainfilm import config, plugins
from plainfilm.config import Settings
from plainfilm.errors import ConfigError, UsageError, nearest
from plainfilm.nn import base
from plainfilm.nn.base import ImageFeatures, StudyFeatures, in_full_precision
from plainfilm.nn.decoding import Decoding
from plainfilm.nn.ragged import Ragged
from plainfilm.nn.regions.abilities import Describes as Describes
from plainfilm.nn.regions.abilities import EncodesRegions as EncodesRegions
from plainfilm.nn.regions.abilities import Located as Located
from plainfilm.nn.regions.abilities import Locates as Locates
from plainfilm.nn.regions.abilities import WritesGroundedReports as WritesGroundedReports
from plainfilm.nn.row_dropout import install_row_dropout

REST = "rest"
"""Where parts are named: what belongs to no part of a model, such as its temperature."""


class TokenizerFacts(Settings):
    """The properties of a tokenizer that a model depends on: its ids are below `vocabulary_size`, a text has
    at most `max_tokens` of them; `pad`, `start` and `end` are the ids of its special tokens, if any."""

    vocabulary_size: int = Field(ge=1)
    max_tokens: int = Field(ge=2)
    pad: int = 0
    start: int | None = None
    end: int | None = None


class Facts(Settings):
    """The properties of a model that depend on the data: its observations, in the order of its logits, and
    its tokenizers, by name."""

    observations: tuple[str, ...] = ()
    tokenizers: dict[str, TokenizerFacts] = Field(default_factory=dict)

    @field_validator("observations")
    @classmethod
    def _differ(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        repeated = [name for name in dict.fromkeys(names) if names.count(name) > 1]
        if repeated:
            raise ValueError(f"observation '{repeated[0]}' is listed twice")
        return names


@dataclass(frozen=True)
class TokenizerNeed:
    """A tokenizer that a kind of model needs.

    name: of a pretrained one; without it, a tokenizer is trained on the texts. max_tokens: the longest text
    that the model accepts, if its settings limit it. writes: whether texts are written with it, so that they
    need a start and an end.
    """

    name: str | None = None
    max_tokens: int | None = None
    offline: bool = False
    writes: bool = False


class KindConfig(Settings):
    """Base of every kind's `Config`: `use` names the file, `image` the settings of the image encoder."""

    answers_observations: ClassVar[bool] = False
    """Whether the model has an output for every observation of its facts."""

    describes: ClassVar[Mapping[str, str]] = {}
    """Settings that describe a part of another name, by key: they come with it from an earlier stage."""

    @property
    def fuses_films(self) -> bool:
        """Whether the model makes one answer of all films of a study."""
        return False

    use: str
    image: dict[str, Any]

    @field_validator("image")
    @classmethod
    def _check_image(cls, values: dict[str, Any]) -> dict[str, Any]:
        return checked_encoder("image encoder", values, "model.image")

    def tokenizers(self) -> dict[str, TokenizerNeed]:
        """The tokenizers that the model reads or writes with; a tokenizer of a part has the part's name."""
        return {}


def checked_encoder(kind: str, values: dict[str, Any], where: str) -> dict[str, Any]:
    """Check the settings of an encoder; return them with every default written out.

    Raises:
        ConfigError: no `use`, an unknown name, or a key or value that the encoder does not accept.
    """
    settings = base.encoder_config(kind, values, where)
    settings.check()
    return settings.model_dump(mode="json")


class Model(nn.Module):
    """Base of every model."""

    dimension: int
    """D, the length of the model's image vectors, if it has any."""

    def __init__(self, config: Any, facts: Facts) -> None:
        super().__init__()
        self.config = config
        self.facts = facts
        self._frozen: list[str] = []

    def parts(self) -> dict[str, nn.Module]:
        """The parts, by name, that can be taken from another model, frozen or given a learning rate."""
        raise NotImplementedError(f"{type(self).__name__} does not name its parts")

    def film_features(self, images: Tensor) -> ImageFeatures:
        """The features of normalised `images` (N, C, H, W) that every ability starts from."""
        raise NotImplementedError(f"{type(self).__name__} does not define how it encodes films")

    def forward(self, method: str, *inputs: Any) -> Any:
        """Call a method of the model by name, so that hooks of DDP, FSDP and compile fire."""
        return getattr(self, method)(*inputs)

    def encode_images(self, images: Tensor) -> Tensor:
        """Unit vectors (N, D) of normalised `images` (N, C, H, W), for a model with this ability."""
        vectors: Tensor = ability(self, EncodesImages, "films").image_vectors(self.film_features(images))
        return vectors

    def other_state(self) -> dict[str, Tensor]:
        """What belongs to no part of `state_dict`, such as a temperature."""
        of_parts = {id(part) for part in self.parts().values()}
        named = self.named_modules(remove_duplicate=False)
        prefixes = tuple(f"{name}." for name, module in named if id(module) in of_parts)
        return {key: value for key, value in self.state_dict().items() if not key.startswith(prefixes)}

    def other_parameters(self) -> list[nn.Parameter]:
        """The parameters outside all parts."""
        of_parts = {id(parameter) for part in self.parts().values() for parameter in part.parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in of_parts]

    def keep_frozen(self, modules: Sequence[nn.Module]) -> None:
        """Keep `modules` (submodules of this one) in evaluation mode from now on."""
        wanted = {id(part) for part in modules}
        self._frozen = [name for name, module in self.named_modules() if id(module) in wanted]
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation mode for every module that is not frozen."""
        super().train(mode)
        for name in self._frozen:
            self.get_submodule(name).eval()
        return self

    def rebuilt_from(self) -> KindConfig:
        """The settings that rebuild this model without weights, downloads or paths."""
        config: KindConfig = self.config
        encoders = (base.ImageEncoder, base.TextEncoder, base.SentenceDecoder)
        stated = {
            name: part.rebuilt_from()
            for name, part in self.parts().items()
            if name in type(config).model_fields and isinstance(part, encoders)
        }
        return config.model_copy(update=stated)


@runtime_checkable
class EncodesImages(Protocol):
    """Encodes images as vectors that are compared by cosine similarity."""

    dimension: int

    def image_vectors(self, features: ImageFeatures) -> Tensor:
        """Unit vectors (N, D), float32 under any autocast."""
        ...


@runtime_checkable
class EncodesTexts(Protocol):
    """Encodes texts as vectors in the space of the images; the tokenizer is called "text"."""

    def encode_texts(self, token_ids: Tensor, token_mask: Tensor) -> Tensor:
        """Unit vectors (N, D), float32 under any autocast, of ids and mask (N, L)."""
        ...

    def scale(self) -> Tensor:
        """The factor of similarities before a softmax, a scalar."""
        ...


@runtime_checkable
class ScoresPairs(Protocol):
    """Scores films and texts in pairs, without vectors to compare; the tokenizer is called "text"."""

    def pair_texts(self, token_ids: Tensor, token_mask: Tensor) -> Any:
        """T texts, of ids and mask (T, L), as `pair_scores` takes them."""
        ...

    def pair_scores(self, features: ImageFeatures, texts: Any) -> Tensor:
        """(N, T), float32 under any autocast; each score depends on its film and its text alone."""
        ...


@runtime_checkable
class Classifies(Protocol):
    """Predicts each observation of the model's facts."""

    def logits(self, features: ImageFeatures) -> Tensor:
        """(N, O), float32 under any autocast; the probability of each is its sigmoid."""
        ...


@runtime_checkable
class EncodesStudies(Protocol):
    """Fuses any number of images of a study; `most_films` is the largest number, if there is one."""

    most_films: int | None

    def study_features(self, features: ImageFeatures, films: Ragged, projections: Tensor) -> StudyFeatures:
        """`films` maps the N images to B studies; `projections` (N,) int64 are codes of `types.View`."""
        ...

    def study_vectors(self, features: StudyFeatures) -> Tensor:
        """Unit vectors (B, D), float32 under any autocast, in the space of the images."""
        ...


@runtime_checkable
class ClassifiesStudies(EncodesStudies, Classifies, Protocol):
    """Predicts each observation from all films of a study."""

    def study_logits(self, features: StudyFeatures) -> Tensor:
        """(B, O), float32 under any autocast; the probability of each is its sigmoid."""
        ...


@runtime_checkable
class WritesReports(Protocol):
    """Writes reports as token ids; `writes_with` is the name of the tokenizer."""

    writes_with: str

    def write_reports(
        self, features: ImageFeatures, films: Ragged, projections: Tensor, decoding: Decoding
    ) -> Tensor:
        """Token ids (B, L) of a report for each of the B studies of the N images; ids after the end token of
        a row have no meaning."""
        ...


@runtime_checkable
class LocatesByPatches(EncodesImages, EncodesTexts, Protocol):
    """Encodes the patches of images as vectors, like the images and texts, for maps of similarity."""

    def image_patch_vectors(self, features: ImageFeatures) -> Tensor:
        """Unit vectors (N, P, D), float32 under any autocast, of a square grid of patches, row by row."""
        ...

    def patch_similarities(self, features: ImageFeatures, text_vectors: Tensor) -> Tensor:
        """Cosines (N, Q, P), float32 under any autocast, of texts with unit vectors (Q, D) and a square grid
        of patches, row by row."""
        ...


ABILITIES: Mapping[str, type] = {
    "encodes_images": EncodesImages,
    "encodes_texts": EncodesTexts,
    "scores_pairs": ScoresPairs,
    "classifies": Classifies,
    "encodes_studies": EncodesStudies,
    "classifies_studies": ClassifiesStudies,
    "writes_reports": WritesReports,
    "locates": Locates,
    "describes": Describes,
    "locates_by_patches": LocatesByPatches,
    "encodes_regions": EncodesRegions,
    "writes_grounded_reports": WritesGroundedReports,
}

_ABSENT = {
    "encodes_images": "does not encode films as vectors",
    "encodes_texts": "does not encode texts or prompts",
    "scores_pairs": "does not score films and texts in pairs",
    "classifies": "does not predict observations",
    "encodes_studies": "encodes single films, not studies",
    "classifies_studies": "predicts nothing from several films of a study",
    "writes_reports": "does not write reports",
    "locates": "does not locate phrases",
    "describes": "does not describe boxes",
    "locates_by_patches": "does not compare the patches of films with texts",
    "encodes_regions": "does not encode boxes",
    "writes_grounded_reports": "writes no sentences with boxes",
}


def abilities(model: nn.Module) -> frozenset[str]:
    """The names of the abilities of `model`."""
    return frozenset(name for name, protocol in ABILITIES.items() if isinstance(model, protocol))


def ability(model: nn.Module, protocol: Any, caller: str, way_out: str = "") -> Any:
    """`model`, checked for the ability `protocol`; `caller` is named in the error.

    Raises:
        UsageError: the model lacks the ability; the message ends with `way_out`.
    """
    if isinstance(model, protocol):
        return model
    name = next(name for name, known in ABILITIES.items() if known is protocol)
    kind = getattr(getattr(model, "config", None), "use", type(model).__name__)
    raise UsageError(f"{caller}: model of kind '{kind}' {_ABSENT[name]}{way_out and f': {way_out}'}")


class KindModule(Protocol):
    """The names in a module of this folder."""

    Config: type[KindConfig]
    TINY: KindConfig
    PURPOSE: str
    LIMITS: str

    def build(self, config: Any, facts: Facts) -> Model:
        """The model of `config`, with random new parts."""
        ...


def kind(name: str) -> KindModule:
    """The kind of model called `name` (see `plugins.resolve`)."""
    return cast(KindModule, plugins.resolve("model", name))


def kind_config(values: Mapping[str, Any], where: str) -> KindConfig:
    """`values` checked against the `Config` of the kind that `values["use"]` names.

    Raises:
        ConfigError: no `use`, an unknown kind, or a key or value that it does not accept.
    """
    if "use" not in values:
        raise ConfigError(f"{where}: key 'use' is missing: {nearest('', plugins.names('model'))}")
    module = kind(str(values["use"]))
    return config.build(module.Config, values, where)


def build_model(settings: KindConfig, facts: Facts) -> Model:
    """The model of `settings`; new parts are random and dropout is drawn by row.

    Raises:
        ConfigError: parts that do not fit together, or a tokenizer that the facts lack.
        ModelError: pretrained weights that are missing and cannot be downloaded.
    """
    missing = [name for name in settings.tokenizers() if name not in facts.tokenizers]
    if missing:
        raise ConfigError(f"model '{settings.use}' needs a tokenizer called '{missing[0]}'")
    if settings.answers_observations and not facts.observations:
        raise ConfigError(f"model '{settings.use}' needs at least one observation to predict")
    model = kind(settings.use).build(settings, facts)
    install_row_dropout(model)
    return model


def unit_vectors(vectors: Tensor) -> Tensor:
    """Rows of `vectors` (N, D) at length 1, in at least float32 under any autocast."""
    with torch.autocast(vectors.device.type, enabled=False):
        return nn.functional.normalize(in_full_precision(vectors), dim=-1)
