"""Projections of an encoder's features to the shared space."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from plainfilm.config import Settings
from plainfilm.errors import ConfigError

ProjectionKind = Literal["none", "linear", "mlp", "residual_mlp"]


class ProjectionConfig(Settings):
    """`kind` applies to both encoders unless `text_kind` is set; `dimension` is that of the shared space.

    `none` returns features unchanged and needs `dimension` of them; `linear` is one layer, with `bias` unless
    that is false (as in CLIP); `mlp` is two layers with a GELU between, with `dimension` hidden features;
    `residual_mlp` adds the output of the first layer to that of the second, after `dropout`, and normalises
    (as in CXR-CLIP).
    """

    kind: ProjectionKind = "linear"
    text_kind: ProjectionKind | None = None
    dimension: int = Field(default=768, ge=1, le=65536)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    bias: bool = True


class ResidualProjection(nn.Module):
    """(N, features) → (N, dimension): normalised `x + outer(gelu(x))` of `x = inner(features)`."""

    def __init__(self, features: int, dimension: int, dropout: float) -> None:
        super().__init__()
        self.inner = nn.Linear(features, dimension)
        self.gelu = nn.GELU()
        self.outer = nn.Linear(dimension, dimension)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(dimension)

    def forward(self, features: Tensor) -> Tensor:
        """The projection of `features` (N, F)."""
        inner = self.inner(features)
        return self.norm(inner + self.dropout(self.outer(self.gelu(inner))))


def build_projection(
    kind: ProjectionKind, features: int, dimension: int, dropout: float = 0.1, bias: bool = True
) -> nn.Module:
    """A module (N, features) → (N, dimension); `bias` is of a `linear` one.

    Raises:
        ConfigError: `none` between spaces of different size.
    """
    if kind == "linear":
        return nn.Linear(features, dimension, bias=bias)
    if kind == "mlp":
        return nn.Sequential(nn.Linear(features, dimension), nn.GELU(), nn.Linear(dimension, dimension))
    if kind == "residual_mlp":
        return ResidualProjection(features, dimension, dropout)
    if features != dimension:
        raise ConfigError(
            f"projection 'none' needs encoders with {dimension} features, but this one has {features}: "
            f"set projection.kind to linear or mlp, or projection.dimension to {features}"
        )
    return nn.Identity()
