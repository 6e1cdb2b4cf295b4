"""Films to squares by the random crop of training, and normalisation; the fixed square is in `resizing`.

Everything geometric happens on 8-bit pixels in one resampling (Pillow's `resize` with a box), which is
several times cheaper than cropping, resizing and converting one after another. Films are never
mirrored: left and right are findings.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from plainfilm.batches.clahe import CLIP_LIMIT, equalise
from plainfilm.batches.resampling import Film, Square
from plainfilm.batches.resizing import pad_to_square
from plainfilm.io.preprocessing import Preprocessing


def augment(
    array: Film,
    rng: np.random.Generator,
    size: int,
    crop_area: tuple[float, float],
    *,
    rotation: float = 0.0,
    clahe: float = 0.0,
    brightness: float = 0.0,
    contrast: float = 0.0,
    pad: bool = False,
) -> Film:
    """A random square of a film (H, W), resampled to (size, size).

    The square covers a share of the film's area drawn from `crop_area`, but is never wider than the
    film's shorter side, at a uniform place. With `pad` the film is first padded with black to a square,
    so that a wide film keeps its edges. `rotation` is the largest angle in degrees, `clahe` the probability
    of equalising the square (`clahe.equalise`, its clip limit drawn between 1 and 4), `brightness` and
    `contrast` the largest relative change; all are off at 0.
    """
    film = pad_to_square(array) if pad else array
    height, width = film.shape
    side = min(math.sqrt(rng.uniform(*crop_area) * height * width), height, width)
    left, top = rng.uniform(0.0, width - side), rng.uniform(0.0, height - side)
    image = Image.fromarray(film)
    if rotation:
        centre = (left + side / 2, top + side / 2)
        image = image.rotate(rng.uniform(-rotation, rotation), Image.Resampling.BILINEAR, center=centre)
    square = _resample(image, size, (left, top, left + side, top + side))
    if clahe and rng.random() < clahe:
        square = equalise(square, rng.uniform(1.0, CLIP_LIMIT))
    if brightness:
        square = _scaled(square, 1.0 + rng.uniform(-brightness, brightness), 0.0)
    if contrast:
        square = _scaled(square, 1.0 + rng.uniform(-contrast, contrast), float(square.mean()))
    return square


def to_tensor(films: Square, preprocessing: Preprocessing) -> Tensor:
    """Squares (N, S, S) of grey 0 to 255 → normalised (N, C, S, S) float32; grey is repeated over the
    channels."""
    grey = torch.from_numpy(np.ascontiguousarray(films)).to(torch.float32).unsqueeze(1)
    black, white = preprocessing.value_range
    levels = 255.0 / (white - black)
    mean = (torch.tensor(preprocessing.channel_mean, dtype=torch.float32).view(1, -1, 1, 1) - black) * levels
    std = torch.tensor(preprocessing.channel_std, dtype=torch.float32).view(1, -1, 1, 1) * levels
    return (grey - mean) / std


def _resample(image: Image.Image, size: int, box: tuple[float, float, float, float]) -> Film:
    return np.asarray(image.resize((size, size), Image.Resampling.BILINEAR, box=box))


def _scaled(film: Film, factor: float, middle: float) -> Film:
    """Grey values `factor` times as far from `middle`, within 0 to 255."""
    centre = np.float32(middle)
    return np.clip(np.rint((film - centre) * np.float32(factor) + centre), 0, 255).astype(np.uint8)
