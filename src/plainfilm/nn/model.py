"""What every model has: an image encoder, groups of parameters, parts that may be held still.

A kind of model is a subclass in a file of its own with an `Architecture` of its own; `nn.kinds` lists them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

from pydantic import field_validator
from torch import Tensor, nn

from plainfilm.config import Settings
from plainfilm.nn import base


class Architecture(Settings):
    """Base of what decides the shape of a model: its `kind`, and the settings of its image encoder, in which
    `use` names the encoder's file."""

    kind: str
    image: dict[str, Any]

    @field_validator("image")
    @classmethod
    def _check_image(cls, values: dict[str, Any]) -> dict[str, Any]:
        base.encoder_config("image encoder", values, "architecture.image").check()
        return values


class Model(nn.Module):
    """Base of every model; `dimension` is the length D of the vectors it makes of films."""

    dimension: int

    def __init__(self, image: base.ImageEncoder, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        self.image = image
        self._frozen: list[str] = []

    @property
    def text_encoder(self) -> base.TextEncoder | None:
        """What reads texts, where the model has it."""
        return None

    def encode_images(self, images: Tensor) -> Tensor:
        """Unit vectors (N, D), float32 under any autocast, of normalised `images` (N, C, H, W)."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it encodes films")

    def image_parameters(self) -> list[nn.Parameter]:
        """Parameters of the image encoder, without what follows it."""
        return list(self.image.parameters())

    def text_parameters(self) -> list[nn.Parameter]:
        """Parameters of the text encoder, without what follows it."""
        return [] if self.text_encoder is None else list(self.text_encoder.parameters())

    def encoder_parameters(self) -> Iterator[nn.Parameter]:
        """Parameters of all encoders."""
        yield from self.image_parameters()
        yield from self.text_parameters()

    def other_parameters(self) -> list[nn.Parameter]:
        """All that belong to no encoder."""
        of_encoders = {id(parameter) for parameter in self.encoder_parameters()}
        return [parameter for parameter in self.parameters() if id(parameter) not in of_encoders]

    def keep_frozen(self, parts: Sequence[nn.Module]) -> None:
        """Hold `parts` (modules below this one) in evaluation mode from now on; see `nn.freezing`."""
        wanted = {id(part) for part in parts}
        self._frozen = [name for name, module in self.named_modules() if id(module) in wanted]
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Training or evaluation mode for everything that is not frozen."""
        super().train(mode)
        for name in self._frozen:
            self.get_submodule(name).eval()
        return self

    def rebuilt_from(self) -> Architecture:
        """The architecture that builds this model again without weights, downloads or paths."""
        return self.architecture.model_copy(update={"image": self.image.rebuilt_from()})


def in_full_precision(values: Tensor) -> Tensor:
    """`values` in float32, or float64 where they are."""
    return values if values.element_size() == 8 else values.float()
