"""From an encoder's features into the space both encoders share."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import nn

from plainfilm.config import Settings
from plainfilm.errors import ConfigError

ProjectionKind = Literal["none", "linear", "mlp"]


class ProjectionConfig(Settings):
    """`kind` applies to both towers unless `text_kind` says otherwise; `dimension` is the shared space's.

    `none` passes features on and needs as many of them as `dimension`; `linear` is one layer with bias;
    `mlp` is two layers with a GELU between, as wide inside as the shared space.
    """

    kind: ProjectionKind = "linear"
    text_kind: ProjectionKind | None = None
    dimension: int = Field(default=768, ge=1)


def build_projection(kind: ProjectionKind, features: int, dimension: int) -> nn.Module:
    """A module (N, features) → (N, dimension).

    Raises:
        ConfigError: `none` between spaces of different size.
    """
    if kind == "linear":
        return nn.Linear(features, dimension)
    if kind == "mlp":
        return nn.Sequential(nn.Linear(features, dimension), nn.GELU(), nn.Linear(dimension, dimension))
    if features != dimension:
        raise ConfigError(
            f"projection 'none' needs encoders with {dimension} features, this one has {features}: "
            f"set projection.kind to linear or mlp, or projection.dimension to {features}"
        )
    return nn.Identity()
