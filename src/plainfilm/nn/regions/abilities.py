"""The abilities of models that know places on films (see `models.base`).

Axes: N images, Q prompts, K boxes, L tokens, D shared dimensions. Boxes are (x0, y0, x1, y1) as fractions of
the model's input, 0 to 1 from the top left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from plainfilm.nn.base import ImageFeatures


@dataclass(frozen=True)
class Located:
    """Boxes for Q prompts on each of N images. boxes: (N, Q, K, 4). scores: (N, Q, K), 0 to 1, the best
    first."""

    boxes: Tensor
    scores: Tensor


@runtime_checkable
class Locates(Protocol):
    """Locates phrases as boxes; the tokenizer is called "text"."""

    def locate(self, features: ImageFeatures, token_ids: Tensor, token_mask: Tensor) -> Located:
        """The boxes of Q prompts, ids and mask (Q, L), on each image; prompts do not affect each other."""
        ...


@runtime_checkable
class Describes(Protocol):
    """Describes boxes in sentences; `writes_with` is the name of the tokenizer."""

    writes_with: str

    def describe(self, features: ImageFeatures, boxes: Tensor, max_tokens: int) -> Tensor:
        """Token ids (N, K, L) of a sentence for each of the boxes (N, K, 4)."""
        ...


@runtime_checkable
class EncodesRegions(Protocol):
    """Encodes boxes as vectors in the space of the texts."""

    def region_vectors(self, features: ImageFeatures, boxes: Tensor) -> Tensor:
        """Unit vectors (N, K, D), float32 under any autocast, of boxes (N, K, 4)."""
        ...


@dataclass(frozen=True)
class DescribedPrompts:
    """What is found for Q prompts on each of N images. vectors: (N, Q, D), unit vectors of what was found, in
    the space of the texts. token_ids: (N, Q, L) of a sentence about each."""

    located: Located
    vectors: Tensor
    token_ids: Tensor


@runtime_checkable
class WritesGroundedReports(Describes, Protocol):
    """Says in a sentence what it finds for a prompt, and where; a report is made of such sentences."""

    def describe_prompts(
        self, features: ImageFeatures, token_ids: Tensor, token_mask: Tensor, max_tokens: int
    ) -> DescribedPrompts:
        """Of Q prompts, ids and mask (Q, L), on each image; prompts do not affect each other."""
        ...
