"""The contracts of encoders: one file per encoder, found by its name.

An image encoder module (`nn/image/NAME.py`) has three names:

    Config                              an `EncoderConfig`; `use` is the file's name
    TINY                                a `Config` that builds in a moment without any file, for tests
    build(config)                       an `ImageEncoder`

A text encoder module (`nn/text/NAME.py`) has the same, but `build(config, vocabulary_size)`; so has a
sentence decoder module (`nn/sentence/NAME.py`), with `build(config, vocabulary_size, pad)`.

Axes: N rows, C channels, H and W pixels, P patches, L tokens, F features.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from plainfilm import config, plugins
from plainfilm.errors import ConfigError, ModelError, UsageError, nearest
from plainfilm.nn.decoding import Writer


@dataclass(frozen=True)
class ImageFeatures:
    """pooled: (N, F). patches: (N, P, F'), row by row from the top left; F' is `patch_features`."""

    pooled: Tensor
    patches: Tensor

    def __len__(self) -> int:
        return len(self.pooled)

    def each(self, function: Callable[[Tensor], Tensor]) -> ImageFeatures:
        """The features with `function` applied to both tensors."""
        return ImageFeatures(function(self.pooled), function(self.patches))


@dataclass(frozen=True)
class StudyFeatures:
    """Studies fused from their films. pooled: (B, F). memory: (B, M, F'), `mask` (B, M) bool, False on
    padding."""

    pooled: Tensor
    memory: Tensor
    mask: Tensor

    def __len__(self) -> int:
        return len(self.pooled)


@dataclass(frozen=True)
class TextFeatures:
    """pooled: (N, F). tokens: (N, L, F), meaningless on padding."""

    pooled: Tensor
    tokens: Tensor


def in_full_precision(values: Tensor) -> Tensor:
    """`values` in float32, or in float64 if they have it already."""
    return values if values.element_size() == 8 else values.float()


class EncoderConfig(config.Settings):
    """Base of every encoder's `Config`: `use` names the file."""

    use: str

    def check(self) -> None:
        """Raise an error for settings known to be wrong before data are read, such as an unknown name."""


class ImageEncoder(nn.Module):
    """Encodes images as features.

    `features` is F of the pooled vector and `patch_features` that of the patches; `config` holds its
    settings. Films of at most `small` pixels a side are known to cost little (`nn.cost`).
    """

    small: int = 0
    features: int
    patch_features: int
    config: EncoderConfig

    def forward(self, images: Tensor) -> ImageFeatures:
        """Features of normalised `images` (N, C, H, W)."""
        raise NotImplementedError(f"{type(self).__name__} does not define how it encodes")

    def pooled_alone(self, features: ImageFeatures) -> Tensor:
        """Pooled vectors (N, P, F) of films that show nothing but one patch: of each patch in turn.

        The patch itself for an encoder that pools by the mean; any other defines its own way.

        Raises:
            UsageError: the encoder does not pool by the mean and defines no other way.
        """
        pooled, mean = features.pooled, features.patches.mean(dim=1)
        if pooled.shape != mean.shape or not torch.allclose(pooled, mean, rtol=1e-2, atol=1e-3):
            raise UsageError(
                f"image encoder '{self.config.use}' does not say how it pools a film of one patch: "
                "define its method pooled_alone"
            )
        return features.patches

    def rebuilt_from(self) -> dict[str, Any]:
        """The settings that rebuild the same architecture without weights, downloads or paths."""
        return self.config.model_dump(mode="json")


class TextEncoder(nn.Module):
    """Encodes token ids as features; `max_tokens` is the longest text that it accepts, and texts of at most
    `small` tokens are known to cost little (`nn.cost`)."""

    small: int = 0
    features: int
    max_tokens: int
    config: EncoderConfig

    def forward(self, token_ids: Tensor, token_mask: Tensor) -> TextFeatures:
        """Features of `token_ids` (N, L) int64; `token_mask` (N, L) bool is False on padding."""
        raise NotImplementedError(f"{type(self).__name__} does not define how it encodes")

    def layers(self) -> Sequence[nn.Module]:
        """The parts in the order of the data flow: the embeddings, then each block."""
        raise NotImplementedError(f"{type(self).__name__} does not name its layers")

    def rebuilt_from(self) -> dict[str, Any]:
        """The settings that rebuild the same architecture without weights, downloads or paths."""
        return self.config.model_dump(mode="json")


@dataclass(frozen=True)
class PrefixShape:
    """What a decoder reads before the first token: a key and a value of `size` for each of `heads` in each of
    `layers`."""

    layers: int
    heads: int
    size: int


class DecoderConfig(EncoderConfig):
    """Base of every sentence decoder's `Config`."""

    @property
    def tokenizer_name(self) -> str | None:
        """The pretrained tokenizer that the decoder writes with; `None` means one trained on the texts."""
        return None

    @property
    def longest(self) -> int | None:
        """The longest text in tokens, with its start and end, if the settings limit it."""
        return None


class SentenceDecoder(nn.Module):
    """Writes texts after a prefix of keys and values (`nn.regions.prefix`), and nothing else.

    shape: of the prefix. max_tokens: the longest text. Positions of tokens are counted from the first token
    of the text. Axes: S texts, L tokens, P places of a prefix, W width, V pieces, R = S K rows of K beams.
    """

    shape: PrefixShape
    max_tokens: int
    config: DecoderConfig

    def forward(self, token_ids: Tensor, prefix: Tensor, mask: Tensor) -> Tensor:
        """Hidden vectors (S, L, W), each of the token after `token_ids` (S, L) so far; `prefix` (layers, 2,
        S, heads, P, size) is read where `mask` (S, P) is True."""
        raise NotImplementedError(f"{type(self).__name__} does not define how it decodes")

    def logits(self, hidden: Tensor) -> Tensor:
        """Logits (..., V) of hidden vectors (..., W)."""
        raise NotImplementedError(f"{type(self).__name__} does not define its output")

    def writer(self, prefix: Tensor, mask: Tensor, most: int) -> Writer:
        """A writer of texts of at most `most` tokens after S prefixes, as many rows of each as are asked."""
        raise NotImplementedError(f"{type(self).__name__} does not define how it writes")

    def rebuilt_from(self) -> dict[str, Any]:
        """The settings that rebuild the same architecture without weights, downloads or paths."""
        return self.config.model_dump(mode="json")


class ImageEncoderModule(Protocol):
    """The names in a module of `nn/image`."""

    Config: type[EncoderConfig]
    TINY: EncoderConfig

    def build(self, config: Any) -> ImageEncoder:
        """The encoder of `config`."""
        ...


class TextEncoderModule(Protocol):
    """The names in a module of `nn/text`."""

    Config: type[EncoderConfig]
    TINY: EncoderConfig

    def build(self, config: Any, vocabulary_size: int) -> TextEncoder:
        """The encoder of `config`, for token ids below `vocabulary_size`."""
        ...


def grid_side(patches: int) -> int:
    """The patches on each side of a square grid of `patches`.

    Raises:
        ModelError: the number is no square.
    """
    side = math.isqrt(patches)
    if side * side != patches:
        raise ModelError(f"{patches} patches are no square grid: use an image encoder with a square input")
    return side


class SentenceDecoderModule(Protocol):
    """The names in a module of `nn/sentence`."""

    Config: type[DecoderConfig]
    TINY: DecoderConfig

    def build(self, config: Any, vocabulary_size: int, pad: int) -> SentenceDecoder:
        """The decoder of `config`, for token ids below `vocabulary_size`, of which `pad` is padding."""
        ...


def image_encoder(name: str) -> ImageEncoderModule:
    """The image encoder called `name` (see `plugins.resolve`)."""
    return cast(ImageEncoderModule, plugins.resolve("image encoder", name))


def text_encoder(name: str) -> TextEncoderModule:
    """The text encoder called `name` (see `plugins.resolve`)."""
    return cast(TextEncoderModule, plugins.resolve("text encoder", name))


def sentence_decoder(name: str) -> SentenceDecoderModule:
    """The sentence decoder called `name` (see `plugins.resolve`)."""
    return cast(SentenceDecoderModule, plugins.resolve("sentence decoder", name))


def encoder_config(kind: str, values: Mapping[str, Any], where: str) -> EncoderConfig:
    """`values` checked against the `Config` of the encoder that `values["use"]` names.

    Raises:
        ConfigError: no `use`, an unknown name, or a key or value that its `Config` does not accept.
    """
    if "use" not in values:
        raise ConfigError(f"{where}: key 'use' is missing: {nearest('', plugins.names(kind))}")
    module = plugins.resolve(kind, str(values["use"]))
    return cast(EncoderConfig, config.build(module.Config, values, where))
