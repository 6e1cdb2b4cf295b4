"""Projections of an encoder's features to the shared space."""

from __future__ import annotations

from typing import Literal

from pydantic import Field
from torch import Tensor, nn

from plainfilm.config import Settings
from plainfilm.errors import ConfigError

ProjectionKind = Literal["none", "linear", "mlp", "norm_mlp", "residual_mlp"]


class ProjectionConfig(Settings):
    """`kind` applies to both encoders unless `text_kind` is set; `dimension` is that of the shared space.

    `none` returns features unchanged and needs `dimension` of them; `linear` is one layer; `mlp` is two
    layers with a GELU between, and `norm_mlp` normalises after it (as in BioViL), both with `hidden`
    features, by default `dimension`; `residual_mlp` adds the output of the first layer to that of the
    second, after `dropout`, and normalises (as in CXR-CLIP). `bias` is that of the layers of `linear` and
    `mlp` (false in CLIP), of texts too unless `text_bias` is set.
    """

    kind: ProjectionKind = "linear"
    text_kind: ProjectionKind | None = None
    dimension: int = Field(default=768, ge=1, le=65536)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    bias: bool = True
    text_bias: bool | None = None
    hidden: int | None = Field(default=None, ge=1, le=65536)

    def of_images(self, features: int) -> nn.Module:
        """A module (N, features) → (N, dimension) for images; see `build_projection`."""
        return build_projection(
            self.kind, features, self.dimension, self.dropout, self.bias, hidden=self.hidden
        )

    def of_texts(self, features: int) -> nn.Module:
        """The same for texts."""
        bias = self.bias if self.text_bias is None else self.text_bias
        kind = self.text_kind or self.kind
        return build_projection(kind, features, self.dimension, self.dropout, bias, hidden=self.hidden)


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
    kind: ProjectionKind,
    features: int,
    dimension: int,
    dropout: float = 0.1,
    bias: bool = True,
    *,
    hidden: int | None = None,
) -> nn.Module:
    """A module (N, features) → (N, dimension); the options are those of `ProjectionConfig`.

    Raises:
        ConfigError: `none` between spaces of different size.
    """
    if kind == "linear":
        return nn.Linear(features, dimension, bias=bias)
    inner = hidden or dimension
    if kind == "mlp":
        first, last = nn.Linear(features, inner, bias=bias), nn.Linear(inner, dimension, bias=bias)
        return nn.Sequential(first, nn.GELU(), last)
    if kind == "norm_mlp":
        norm = nn.LayerNorm(inner, eps=1e-12)  # BERT's
        return nn.Sequential(nn.Linear(features, inner), nn.GELU(), norm, nn.Linear(inner, dimension))
    if kind == "residual_mlp":
        return ResidualProjection(features, dimension, dropout)
    if features != dimension:
        raise ConfigError(
            f"projection 'none' needs encoders with {dimension} features, but this one has {features}: "
            f"set projection.kind to linear or mlp, or projection.dimension to {features}"
        )
    return nn.Identity()
