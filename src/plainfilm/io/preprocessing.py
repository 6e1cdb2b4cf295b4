"""What an image encoder expects of its pixels; part of every model folder."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from plainfilm.config import Settings

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Preprocessing(Settings):
    """How a grey film becomes the encoder's input.

    `size` is the side of the square input in pixels. `fit` says how a film that is not square becomes
    one: "crop" scales the shortest side to `size` and keeps the middle, "pad" scales the longest side and
    fills the rest with black. `mean` and `std` are on the scale 0 to 1, one number per colour of the
    pretraining data; a film is the same in all colours, so an encoder of one channel uses their average.
    `read_side` is the shortest side that films are first reduced to, by means over areas, in training and
    ever after; without it they come as they are.
    """

    size: int = Field(default=224, ge=8, le=4096)
    channels: Literal[1, 3] = 3
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    fit: Literal["crop", "pad"] = "crop"
    read_side: int | None = Field(default=None, ge=8)

    @model_validator(mode="after")
    def _std_is_positive(self) -> Preprocessing:
        if min(self.std) <= 0:
            raise ValueError(f"std {self.std} must be above 0 in every colour")
        return self

    @property
    def channel_mean(self) -> tuple[float, ...]:
        """`mean`, one number per channel of the encoder."""
        return self.mean if self.channels == 3 else (sum(self.mean) / 3,)

    @property
    def channel_std(self) -> tuple[float, ...]:
        """`std`, one number per channel of the encoder."""
        return self.std if self.channels == 3 else (sum(self.std) / 3,)
