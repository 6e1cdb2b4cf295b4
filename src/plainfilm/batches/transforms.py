"""Films to squares: the random crop of training, the fixed fit of evaluation, and normalisation.

Everything geometric happens on 8-bit pixels in one resampling (Pillow's `resize` with a box), which is
several times cheaper than cropping, resizing and converting one after another. What happens to a film is
drawn once, as a `Geometry`, and done to everything that lies on it too. Films are mirrored only where a
recipe asks for it, and then words for left and right change places: they are findings.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from plainfilm.batches.clahe import CLIP_LIMIT, equalise
from plainfilm.batches.rows import DataConfig
from plainfilm.geometry import Geometry
from plainfilm.io.preprocessing import Preprocessing

Film = NDArray[np.uint8]
"""(H, W), 0 black .. 255 white."""


def draw_geometry(
    film: tuple[int, int],
    rng: np.random.Generator,
    preprocessing: Preprocessing,
    config: DataConfig,
    *,
    mirrored: bool = False,
) -> Geometry:
    """A random square of a film of (width, height) pixels.

    The square covers a share of the film's area drawn from `crop_area`, but is never wider than the film's
    shorter side, at a uniform place. Where the preprocessing pads, the film is first padded with black to a
    square, so that a wide film keeps its edges. `rotation` is the largest angle in degrees.
    """
    padding, (width, height) = _padding(film) if preprocessing.fit == "pad" else ((0, 0), film)
    side = min(math.sqrt(rng.uniform(*config.crop_area) * height * width), height, width)
    left, top = rng.uniform(0.0, width - side), rng.uniform(0.0, height - side)
    angle = rng.uniform(-config.rotation, config.rotation) if config.rotation else 0.0
    box = (left, top, left + side, top + side)
    return Geometry(film, preprocessing.size, box, padding, angle, mirrored)


def fixed_geometry(film: tuple[int, int], preprocessing: Preprocessing) -> Geometry:
    """The square of evaluation of a film of (width, height) pixels: "crop" keeps the middle square of the
    shorter side, "pad" the whole film on black."""
    padding, (width, height) = _padding(film) if preprocessing.fit == "pad" else ((0, 0), film)
    side = min(width, height)
    left, top = (width - side) / 2, (height - side) / 2
    return Geometry(film, preprocessing.size, (left, top, left + side, top + side), padding)


def cut(array: Film, geometry: Geometry) -> Film:
    """The square (S, S) that `geometry` makes of a film (H, W)."""
    film = array
    beyond = max(geometry.box[2] - array.shape[1], geometry.box[3] - array.shape[0])
    if geometry.padding != (0, 0) or beyond > 1e-6:  # a single row or column of padding is behind the film
        film = pad_to_square(array)
    image = Image.fromarray(film)
    left, top, right, bottom = geometry.box
    if geometry.angle:
        centre = ((left + right) / 2, (top + bottom) / 2)
        image = image.rotate(geometry.angle, Image.Resampling.BILINEAR, center=centre)
    square = np.asarray(
        image.resize((geometry.size, geometry.size), Image.Resampling.BILINEAR, box=geometry.box)
    )
    return square[:, ::-1] if geometry.mirrored else square


def recolour(square: Film, rng: np.random.Generator, config: DataConfig) -> Film:
    """A square (S, S) with other contrast: `clahe` is the probability of equalising it (`clahe.equalise`, its
    clip limit drawn between 1 and 4), `brightness` and `contrast` the largest relative change; all are off at
    0."""
    if config.clahe and rng.random() < config.clahe:
        square = equalise(square, rng.uniform(1.0, CLIP_LIMIT))
    if config.brightness:
        square = _scaled(square, 1.0 + rng.uniform(-config.brightness, config.brightness), 0.0)
    if config.contrast:
        factor = 1.0 + rng.uniform(-config.contrast, config.contrast)
        square = _scaled(square, factor, float(square.mean()))
    return square


def _padding(film: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Columns and rows of black before a film of (width, height), and the size of the square they make."""
    side = max(film)
    return ((side - film[0]) // 2, (side - film[1]) // 2), (side, side)


def fit(array: Film, preprocessing: Preprocessing) -> Film:
    """The fixed square of evaluation: (H, W) → (S, S), S = `preprocessing.size`; see `fixed_geometry`."""
    height, width = array.shape
    return cut(array, fixed_geometry((width, height), preprocessing))


def pad_to_square(array: Film) -> Film:
    """A film (H, W) in the middle of a black square of its longer side."""
    height, width = array.shape
    side = max(height, width)
    if height == width:
        return array
    square = np.zeros((side, side), dtype=np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = array
    return square


def to_tensor(films: Film, preprocessing: Preprocessing) -> Tensor:
    """Squares (N, S, S) uint8 → normalised (N, C, S, S) float32; grey is repeated over the channels."""
    grey = torch.from_numpy(np.ascontiguousarray(films)).to(torch.float32).unsqueeze(1)
    mean = torch.tensor(preprocessing.channel_mean, dtype=torch.float32).view(1, -1, 1, 1) * 255.0
    std = torch.tensor(preprocessing.channel_std, dtype=torch.float32).view(1, -1, 1, 1) * 255.0
    return (grey - mean) / std


def _scaled(film: Film, factor: float, middle: float) -> Film:
    """Grey values `factor` times as far from `middle`, within 0 to 255."""
    centre = np.float32(middle)
    return np.clip(np.rint((film - centre) * np.float32(factor) + centre), 0, 255).astype(np.uint8)
