"""What an image encoder expects of its pixels; part of every model folder."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field, model_validator

from plainfilm.config import Settings

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Library = Literal["pillow", "torch", "torch_uint8", "opencv", "scikit_image"]
Filter = Literal["area", "bilinear", "bicubic", "lanczos"]

_OF_TORCH: tuple[tuple[Filter, bool], ...] = (
    *(("bilinear", True), ("bicubic", True), ("bilinear", False), ("bicubic", False)),
)
OFFERED: dict[Library, tuple[tuple[Filter, bool], ...]] = {
    "pillow": (("area", True), ("bilinear", True), ("bicubic", True), ("lanczos", True)),
    "torch": _OF_TORCH,
    "torch_uint8": _OF_TORCH,
    "opencv": (("area", True), ("bilinear", False), ("bicubic", False)),
    "scikit_image": (("bilinear", True), ("bilinear", False)),
}
"""The filters of each library, and whether they can be had with antialiasing (True), without, or both."""

_WITH = {True: "with", False: "without"}


class Resampling(Settings):
    """One change of a film's size, in the arithmetic of one library.

    `filter` and `antialias` are what that library calls so; `OFFERED` lists what there is. Results differ by
    several grey values: Pillow widens its filter to cover all pixels and works in whole grey values, torch
    does the former with `antialias` alone, OpenCV's "area" is the mean over exact areas, scikit-image blurs
    first and takes what lies beyond the edges for 0 after `value_range`.

    "torch" computes in floats; `rounded` rounds its result to whole grey values, as torchvision's first
    interface does for tensors of uint8. "torch_uint8" are torch's own kernels for these, as in torchvision's
    second interface and the image processors of transformers. It and Pillow always round.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    library: Library = "pillow"
    filter: Filter = "bilinear"
    antialias: bool = True
    rounded: bool = True

    @model_validator(mode="after")
    def _library_offers_it(self) -> Resampling:
        offered = OFFERED[self.library]
        if (self.filter, self.antialias) not in offered:
            known = ", ".join(f"{name} {_WITH[smooth]} antialias" for name, smooth in offered)
            asked = f"{self.filter} {_WITH[self.antialias]} antialias"
            raise ValueError(f"library {self.library} has no filter {asked}; it has {known}")
        if self.library in ("pillow", "torch_uint8") and not self.rounded:
            raise ValueError(f"library {self.library} always rounds to whole grey values: leave out rounded")
        return self


class Preprocessing(Resampling):
    """How a grey film becomes the encoder's input.

    `size` is the side of the square input in pixels. `fit` says how a film that is not square becomes one:
    "crop" scales the shortest side and keeps the middle, "pad" scales the longest side and fills the rest
    with black, "squash" scales each side by itself. The film is scaled to `resize` pixels (by default
    `size`), and of these the middle `size` are kept. With `second` the square of `resize` pixels is
    resampled once more, to `size`, and nothing of it is cropped. How films are scaled is said by the fields
    of `Resampling`.

    `order` is that of scaling on the one side, cropping and padding to a square on the other: "at_once" takes
    the exact middle, which may begin between two pixels, in one resampling (Pillow only); "resize_first" and
    "resize_last" crop and pad in whole pixels. `odd_margin` says where a crop begins whose margins differ by
    a pixel: at half of their sum to the "nearest_even" number, as in torchvision, or "down", as in
    transformers, or at the difference of the "halves" of both sides, as in torchxrayvision.

    `stretch` spreads each film's grey values from 0 to 255 first. `value_range` is what black and white
    become; `mean` and `std` are on its scale, one number per colour of the pretraining data. A film is the
    same in all colours, so an encoder of one channel uses their average.

    `read_side` is the shortest side that films are first reduced to, by means over areas, in training and
    ever after; without it they come as they are.
    """

    size: int = Field(default=224, ge=8, le=4096)
    channels: Literal[1, 3] = 3
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    value_range: tuple[float, float] = (0.0, 1.0)
    stretch: bool = False
    fit: Literal["crop", "pad", "squash"] = "crop"
    resize: int | None = Field(default=None, ge=8, le=8192)
    order: Literal["at_once", "resize_first", "resize_last"] = "at_once"
    odd_margin: Literal["nearest_even", "down", "halves"] = "nearest_even"
    second: Resampling | None = None
    read_side: int | None = Field(default=None, ge=8)

    @model_validator(mode="after")
    def _steps_fit_together(self) -> Preprocessing:
        if min(self.std) <= 0:
            raise ValueError(f"std {self.std} must be above 0 in every colour")
        if self.value_range[0] >= self.value_range[1]:
            raise ValueError(f"value_range {self.value_range}: black must be below white")
        if self.order == "at_once" and (self.library != "pillow" or self.second):
            raise ValueError(
                "order at_once is for library pillow and one resampling: set order to resize_first or "
                "resize_last"
            )
        if self.second is None and self.side < self.size:
            raise ValueError(
                f"resize {self.side} is below size {self.size}: only more than the input can be cropped"
            )
        return self

    @property
    def side(self) -> int:
        """The side in pixels that a film is scaled to, before the middle is kept."""
        return self.resize or self.size

    @property
    def channel_mean(self) -> tuple[float, ...]:
        """`mean`, one number per channel of the encoder."""
        return self.mean if self.channels == 3 else (sum(self.mean) / 3,)

    @property
    def channel_std(self) -> tuple[float, ...]:
        """`std`, one number per channel of the encoder."""
        return self.std if self.channels == 3 else (sum(self.std) / 3,)
