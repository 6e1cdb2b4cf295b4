"""What the tests of imported families share: films of odd shapes, weights at random, cosines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from plainfilm.batches.resizing import resize_to
from plainfilm.batches.transforms import to_tensor
from plainfilm.checkpoints import import_checkpoint
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.model_folder import LoadedModel, load_model
from plainfilm.seeding import generator

SHAPES = [
    *((600, 600), (2544, 3056), (3056, 2544), (640, 480), (480, 641), (100, 1200), (1200, 100), (521, 520)),
    *((700, 512), (513, 900), (1024, 1024), (1500, 1400), (777, 333), (901, 450), (450, 901), (257, 511)),
    *((999, 1000), (1000, 999), (600, 701), (333, 777)),
]
"""(width, height) of twenty films."""

Tensors = dict[str, Tensor]


def film(shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Smooth shapes with noise, of (width, height) pixels; darkest 7 and brightest 240."""
    rng = generator("film", *shape)
    y, x = np.mgrid[0 : shape[1], 0 : shape[0]]
    waves = np.sin(x / 17.0) * np.cos(y / 23.0) * 70 + 120 + rng.normal(0, 25, (shape[1], shape[0]))
    values = np.clip(waves, 8, 239).astype(np.uint8)
    values[0, 0], values[-1, -1] = 7, 240
    return values


def ours(shape: tuple[int, int], how: Preprocessing) -> Tensor:
    """The input (C, S, S) that Plainfilm makes of a film."""
    return to_tensor(np.stack([resize_to(film(shape), how)]), how)[0]


def grey_levels(found: Tensor, expected: Tensor, how: Preprocessing) -> float:
    """The largest difference of two inputs as a share of the step from black to white."""
    black, white = how.value_range
    return float((found - expected).abs().max()) * how.std[0] / (white - black)


def randomised(module: nn.Module, scale: float = 0.1) -> Any:
    """`module` in evaluation mode with every tensor at random, so that features stay of one size: weights by
    their number of inputs, scales around 1, biases and means of deviation `scale`, variances around 1."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(3)
        for name, tensor in module.state_dict().items():
            if not tensor.is_floating_point():
                continue
            if tensor.ndim >= 2:
                tensor.normal_(0.0, 1.4 / tensor[0].numel() ** 0.5)
            elif name.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
            else:
                tensor.normal_(1.0 if name.endswith(("weight", "gamma", "lambda1")) else 0.0, scale)
    return module.eval()


def noise(films: int, channels: int, side: int, *_same: int) -> Tensor:
    """Normalised films (N, C, S, S): coarse shapes, each film its own, and noise."""
    rng = generator("noise", films, channels, side)
    coarse = torch.from_numpy(rng.normal(0, 2, (films, 1, 5, 5)).astype(np.float32))
    shapes = nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")
    fine = torch.from_numpy(rng.normal(0, 0.3, (films, channels, side, side)).astype(np.float32))
    return shapes + fine


def least_cosine(found: Tensor, expected: Tensor) -> float:
    """The smallest cosine of the rows of two matrices (N, D)."""
    return float(nn.functional.cosine_similarity(found, expected).min())


def differ(vectors: Tensor) -> bool:
    """Whether the rows of a matrix point in different directions, so that equal ones prove something."""
    return float(nn.functional.cosine_similarity(vectors[:1], vectors[1:]).max()) < 0.9999


def imported(family: str, path: Path, out: Path, **options: Any) -> LoadedModel:
    """The model that an import of `path` writes to `out`."""
    import_checkpoint(family, path, out, options)
    return load_model(out)
