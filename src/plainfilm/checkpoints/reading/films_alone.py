"""Encoders of films that read no texts: vision transformers with a class token and a square grid."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from plainfilm.checkpoints.reading.tensors import shape_of
from plainfilm.errors import ModelError
from plainfilm.models import study_encoder
from plainfilm.nn.film_fusion import FusionConfig


def films_alone(image: Mapping[str, Any]) -> study_encoder.Config:
    """A study encoder whose films are averaged: for embedding, linear probes and as a start of training."""
    fusion = FusionConfig(use="mean", projections="none", film_tokens=False)
    return study_encoder.Config(image=dict(image), fusion=fusion)


def square_grid(
    tensors: Mapping[str, Tensor], patches: str, positions: str, where: str
) -> tuple[int, int, int]:
    """The width, the side of the grid and the pixels of a patch, by the names of the tensors that tell them.

    Raises:
        ModelError: one is missing, other channels than three, or no class token and square grid.
    """
    width, colours, patch, _ = shape_of(tensors, patches, 4, where)
    _, places, _ = shape_of(tensors, positions, 3, where)
    side = math.isqrt(places - 1)
    if colours != 3 or side * side != places - 1:
        raise ModelError(
            f"{where}: takes {colours} channels at {places} places; such an encoder takes 3 at one more than "
            "a square number"
        )
    return width, side, patch
