"""The random crop and augmentation of training images, and normalisation; the fixed crop is in `resizing`.

All geometry is one resampling of 8-bit pixels (Pillow's `resize` with a box), which is several times cheaper
than cropping, resizing and converting one after another. It is drawn once, as a `Geometry`, and applied to
everything on the image. Images are mirrored only if a recipe asks for it, and the words left and right are
then swapped, because they are findings.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from plainfilm.batches.clahe import CLIP_LIMIT, equalise
from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.resampling import Film, Square, resample, whole_grey
from plainfilm.batches.resizing import pad_to_square, stretched, zero_of
from plainfilm.geometry import Geometry
from plainfilm.io.preprocessing import Preprocessing


def draw_geometry(
    film: tuple[int, int],
    rng: np.random.Generator,
    preprocessing: Preprocessing,
    config: DataConfig,
    *,
    mirrored: bool = False,
) -> Geometry:
    """A random part of an image of (width, height) pixels.

    Its area is a share, drawn from `crop_area`, of the area that evaluation sees, at a uniform position: of
    the largest square of the image; if the preprocessing pads, of the square of its longer side, which keeps
    the edges of a wide image; if it squashes, of the whole image in its proportions. `rotation` is the
    largest angle in degrees.
    """
    padding, (width, height) = _padding(film) if preprocessing.fit == "pad" else ((0, 0), film)
    share = math.sqrt(rng.uniform(*config.crop_area))
    wide, high = width * share, height * share
    if preprocessing.fit == "crop":
        wide = high = min(width, height) * share
    left, top = rng.uniform(0.0, width - wide), rng.uniform(0.0, height - high)
    angle = rng.uniform(-config.rotation, config.rotation) if config.rotation else 0.0
    box = (left, top, left + wide, top + high)
    if preprocessing.library != "pillow":  # the others take whole pixels
        box = (round(left), round(top), round(left + wide), round(top + high))
    return Geometry(film, preprocessing.size, box, padding, angle, mirrored)


def cut(array: Film, geometry: Geometry, preprocessing: Preprocessing) -> Film:
    """The square (S, S) that a random `geometry` makes of a film (H, W), scaled as `preprocessing` says, in
    whole grey values."""
    film = stretched(array) if preprocessing.stretch else array
    if _reaches_beyond(geometry):
        film = pad_to_square(film)
    left, top, right, bottom = geometry.box
    if geometry.angle:
        left, top, right, bottom = geometry.box
        centre = ((left + right) / 2, (top + bottom) / 2)
        image = Image.fromarray(film).rotate(geometry.angle, Image.Resampling.BILINEAR, center=centre)
        film = np.asarray(image)
    side, zero = preprocessing.side if preprocessing.second else geometry.size, zero_of(preprocessing)
    square = resample(film, side, side, preprocessing, geometry.box, zero)
    if preprocessing.second:
        square = resample(square, geometry.size, geometry.size, preprocessing.second, None, zero)
    whole = whole_grey(square)
    return whole[:, ::-1] if geometry.mirrored else whole


def recolour(square: Square, rng: np.random.Generator, config: DataConfig) -> Square:
    """Change the contrast of a square (S, S): `clahe` is the probability of equalising it (`clahe.equalise`,
    its clip limit drawn between 1 and 4), `brightness` and `contrast` the largest relative change; all are
    off at 0."""
    if config.clahe and rng.random() < config.clahe:
        square = equalise(square.astype(np.uint8), rng.uniform(1.0, CLIP_LIMIT))
    if config.brightness:
        square = _scaled(square, 1.0 + rng.uniform(-config.brightness, config.brightness), 0.0)
    if config.contrast:
        factor = 1.0 + rng.uniform(-config.contrast, config.contrast)
        square = _scaled(square, factor, float(square.mean()))
    return square


def _reaches_beyond(geometry: Geometry) -> bool:
    """Whether the box was drawn on the padded film, and not all of it lies on the film itself."""
    width, height = geometry.film
    return geometry.padding != (0, 0) or geometry.box[2] > width or geometry.box[3] > height


def _padding(film: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Columns and rows of black before a film of (width, height), and the size of the square they make."""
    side = max(film)
    return ((side - film[0]) // 2, (side - film[1]) // 2), (side, side)


def to_tensor(films: Square, preprocessing: Preprocessing) -> Tensor:
    """Squares (N, S, S) of grey 0 to 255 → normalised (N, C, S, S) float32; grey is repeated over the
    channels."""
    grey = torch.from_numpy(np.ascontiguousarray(films)).to(torch.float32).unsqueeze(1)
    black, white = preprocessing.value_range
    levels = 255.0 / (white - black)
    mean = (torch.tensor(preprocessing.channel_mean, dtype=torch.float32).view(1, -1, 1, 1) - black) * levels
    std = torch.tensor(preprocessing.channel_std, dtype=torch.float32).view(1, -1, 1, 1) * levels
    return (grey - mean) / std


def _scaled(film: Square, factor: float, middle: float) -> Film:
    """Grey values with their distance from `middle` times `factor`, clipped to 0 to 255."""
    centre = np.float32(middle)
    return np.clip(np.rint((film - centre) * np.float32(factor) + centre), 0, 255).astype(np.uint8)
