"""Fuses the films of a study to one set of features, however many films it has.

Three ways, with x_j the patches (P, F) and c_j the pooled vector of film j of a study:

    mean        pooled: the mean of c_j; memory: of every film a linear map of c_j, then its patches
    attention   pooled: the mean of c_j weighted by a learned score; memory: as of "mean", after transformer
                blocks in which each token attends to all of them
    gate        as in the released code of REFERS (Zhou et al. 2022, arXiv:2111.03452): the memory is
                g_j (x_j + c_j) with a scalar gate for each of J places and each patch,
                g_j = sigmoid(w_j . [x_1 + c_1; ...; x_J + c_J] + b_j)

Films that a study lacks are masked: no film is repeated. Axes: N films, B studies, P patches, F features.
"""

from __future__ import annotations

from typing import Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from plainfilm.config import Settings
from plainfilm.errors import ConfigError, UsageError
from plainfilm.nn.base import ImageFeatures, StudyFeatures
from plainfilm.nn.ragged import Ragged
from plainfilm.nn.regions.positions import PatchPositions
from plainfilm.nn.text.compact import Block
from plainfilm.types import View

_VIEWS = tuple(View)
_ROUTES = {
    "frontal": [code for code, view in enumerate(_VIEWS) if view.is_frontal],
    "lateral": [_VIEWS.index(View.LATERAL)],
}
"""The codes of views by route."""


class FusionConfig(Settings):
    """How the films of a study become one.

    use: "mean", "attention" or "gate". projections: "none" ignores how a film was taken; "embedding" adds a
    learned vector for each view; "routing" passes frontal and lateral films through a linear layer of their
    own. A film of unknown view is left as it is. film_tokens: whether the memory of "mean" and "attention"
    has a token of each film's pooled vector. patch_positions: whether their patches say where on the film
    they lie, for an image encoder whose patches do not (`compact`); films must be square. depth, heads and
    dropout are those of the blocks of "attention". films: the places of "gate"; a study with more films is
    refused. exact: every study must fill all places, as with published weights. pooled: of "gate", the mean
    of the pooled vectors, or all of them "concatenated", with zeros for a film that is missing.
    """

    use: Literal["mean", "attention", "gate"] = "attention"
    projections: Literal["none", "embedding", "routing"] = "embedding"
    film_tokens: bool = True
    patch_positions: bool = False
    depth: int = Field(default=1, ge=0)
    heads: int = Field(default=4, ge=1)
    dropout: float = Field(default=0.1, ge=0, lt=1)
    films: int = Field(default=3, ge=1)
    exact: bool = False
    pooled: Literal["mean", "concatenated"] = "mean"

    @model_validator(mode="after")
    def _fits(self) -> FusionConfig:
        if self.use != "gate" and (self.exact or self.pooled != "mean"):
            raise ValueError(f"exact and pooled are settings of use 'gate', not of '{self.use}'")
        if self.use == "gate" and self.patch_positions:
            raise ValueError("patch_positions is a setting of use 'mean' and 'attention', not of 'gate'")
        return self


class ProjectionShift(nn.Module):
    """Adds to features (N, ..., F) what is learned about the view of each film; nothing at the start."""

    def __init__(self, kind: str, features: int) -> None:
        super().__init__()
        is_embedding = kind == "embedding"
        self.vectors = nn.Parameter(torch.zeros(len(_VIEWS), features)) if is_embedding else None
        routes = _ROUTES if kind == "routing" else ()
        self.routes = nn.ModuleDict({name: _zeros(features) for name in routes})

    def forward(self, features: Tensor, projections: Tensor) -> Tensor:
        """`features` (N, ..., F) of films with the view codes `projections` (N,)."""
        shape = (len(features), *[1] * (features.ndim - 2), -1)
        if self.vectors is not None:
            known = (projections != _VIEWS.index(View.UNKNOWN)).unsqueeze(1)
            added = self.vectors[projections] * known
            return features + added.view(shape).to(features.dtype)
        for name, route in self.routes.items():
            codes = torch.tensor(_ROUTES[name], device=projections.device)
            chosen = torch.isin(projections, codes).view(*shape[:-1], 1)
            features = features + route(features) * chosen
        return features


def _zeros(features: int) -> nn.Linear:
    layer = nn.Linear(features, features)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


class Fusion(nn.Module):
    """Base of the three ways; `features` and `memory_features` are the sizes of what comes out."""

    most_films: int | None = None
    """The largest number of films of a study, where there is one."""

    def __init__(self, config: FusionConfig, features: int, patch_features: int) -> None:
        super().__init__()
        self.config = config
        self.features = features
        self.memory_features = patch_features
        self.pooled_shift = ProjectionShift(config.projections, features)
        self.patch_shift = ProjectionShift(config.projections, patch_features)

    def forward(self, features: ImageFeatures, films: Ragged, projections: Tensor) -> StudyFeatures:
        """The features of B studies, whose N films are assigned by `films`; `projections` (N,) are codes of
        `types.View`."""
        pooled = self.pooled_shift(features.pooled, projections)
        patches = self.patch_shift(features.patches, projections)
        return self.fuse(pooled, patches, films)

    def fuse(self, pooled: Tensor, patches: Tensor, films: Ragged) -> StudyFeatures:
        """Fuse `pooled` (N, F) and `patches` (N, P, F')."""
        raise NotImplementedError(f"{type(self).__name__} does not define how it fuses")


class MeanFusion(Fusion):
    """The mean of the pooled vectors, and the patches of each film, with a token of its own before them.

    The token carries what the pooled vector learns by itself (from a contrast, for example) to the decoder.
    """

    def __init__(self, config: FusionConfig, features: int, patch_features: int) -> None:
        super().__init__(config, features, patch_features)
        self.film_token = nn.Linear(features, patch_features) if config.film_tokens else None
        self.positions = PatchPositions(patch_features) if config.patch_positions else None

    def tokens(self, pooled: Tensor, patches: Tensor, films: Ragged) -> tuple[Tensor, Tensor]:
        """The tokens of the films of each study one after the other, (B, M, F'), and their mask (B, M)."""
        if self.positions is not None:
            patches = patches + self.positions(patches.shape[1], patches.device).to(patches.dtype)
        if self.film_token is not None:
            token = self.film_token(pooled)[:, None].to(patches.dtype)
            patches = torch.cat([token, patches], dim=1)
        return all_patches(patches, films)

    def fuse(self, pooled: Tensor, patches: Tensor, films: Ragged) -> StudyFeatures:
        """See `Fusion.fuse`."""
        return StudyFeatures(mean_over_films(pooled, films), *self.tokens(pooled, patches, films))


class AttentionFusion(MeanFusion):
    """Blocks of self-attention over all tokens of a study, and a weighted mean of the pooled vectors."""

    def __init__(self, config: FusionConfig, features: int, patch_features: int) -> None:
        super().__init__(config, features, patch_features)
        if config.depth and patch_features % config.heads:
            raise ConfigError(
                f"model.fusion.heads is {config.heads}: must divide the {patch_features} features of a patch"
            )
        self.score = nn.Linear(features, 1)
        nn.init.zeros_(self.score.weight)
        blocks = (Block(patch_features, config.heads, config.dropout) for _ in range(config.depth))
        self.blocks = nn.ModuleList(blocks)

    def fuse(self, pooled: Tensor, patches: Tensor, films: Ragged) -> StudyFeatures:
        """See `Fusion.fuse`."""
        vectors, present = films.padded(pooled)
        scores = self.score(vectors).squeeze(-1).masked_fill(~present, -torch.inf)
        fused = (scores.softmax(dim=1).unsqueeze(1) @ vectors).squeeze(1)
        memory, mask = self.tokens(pooled, patches, films)
        for block in self.blocks:
            memory = block(memory, mask[:, None, None, :])
        return StudyFeatures(fused, memory, mask)


class GateFusion(Fusion):
    """A scalar gate for each place and patch, computed from the patches of all places."""

    def __init__(self, config: FusionConfig, features: int, patch_features: int) -> None:
        super().__init__(config, features, patch_features)
        self.most_films = config.films
        if config.pooled == "concatenated":
            self.features = features * config.films
        same = features == patch_features
        self.to_patch = nn.Identity() if same else nn.Linear(features, patch_features)
        width = config.films * patch_features
        self.gates = nn.ModuleList(nn.Linear(width, 1) for _ in range(config.films))

    def fuse(self, pooled: Tensor, patches: Tensor, films: Ragged) -> StudyFeatures:
        """See `Fusion.fuse`.

        Raises:
            UsageError: a study with more films than there are places, or fewer if they must be filled.
        """
        self._check(films)
        places = self.config.films
        filled = _in_places(patches + self.to_patch(pooled)[:, None], films, places)
        count, _, length, width = filled.shape
        beside = filled.transpose(1, 2).reshape(count, length, places * width)
        gates = torch.stack([gate(beside) for gate in self.gates], dim=1).sigmoid()
        memory = (gates * filled).flatten(1, 2)
        present = torch.arange(places, device=films.counts.device) < films.counts[:, None]
        return StudyFeatures(self._fused(pooled, films), memory, present.repeat_interleave(length, dim=1))

    def _fused(self, pooled: Tensor, films: Ragged) -> Tensor:
        if self.config.pooled == "mean":
            return mean_over_films(pooled, films)
        return _in_places(pooled, films, self.config.films).flatten(1)

    def _check(self, films: Ragged) -> None:
        places = self.config.films
        for count in sorted(set(films.counts.tolist())):
            if count > places or (self.config.exact and count != places):
                takes = "exactly" if self.config.exact else "at most"
                raise UsageError(
                    f"a study with {count} film{'s' * (count != 1)}, but this model takes {takes} {places}"
                )


def mean_over_films(pooled: Tensor, films: Ragged) -> Tensor:
    """The mean over the films of each study: (N, F) → (B, F)."""
    sums = pooled.new_zeros((len(films), pooled.shape[1])).index_add(0, films.item, pooled)
    return sums / films.counts.clamp(min=1)[:, None]


def all_patches(patches: Tensor, films: Ragged) -> tuple[Tensor, Tensor]:
    """The patches of the films of each study one after the other: (N, P, F) → memory (B, M P, F) and mask
    (B, M P), M the largest number of films."""
    padded, present = films.padded(patches)
    return padded.flatten(1, 2), present.repeat_interleave(patches.shape[1], dim=1)


def _in_places(values: Tensor, films: Ragged, places: int) -> Tensor:
    """Values of films (N, ...) as (B, `places`, ...), zeros where a study has no more films."""
    filled = values.new_zeros((len(films), places, *values.shape[1:]))
    return filled.index_put((films.item, films.place), values)


_WAYS = {"mean": MeanFusion, "attention": AttentionFusion, "gate": GateFusion}


def build_fusion(config: FusionConfig, features: int, patch_features: int) -> Fusion:
    """The fusion of `config` for films with `features` pooled and `patch_features` patch features.

    Raises:
        ConfigError: heads that do not divide the features of a patch.
    """
    return _WAYS[config.use](config, features, patch_features)
