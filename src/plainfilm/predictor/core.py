"""The shared base of all abilities: the model, its tokenizers and its preprocessing on one device."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plainfilm.errors import ModelError
from plainfilm.io import limits
from plainfilm.io.scratch import DiskSet
from plainfilm.metrics.concentration import Concentration
from plainfilm.model_folder import ModelConfig
from plainfilm.models.base import Model, ability
from plainfilm.nn.cost import Cost
from plainfilm.text.tokenizers import Tokenizer

Vectors: TypeAlias = "NDArray[np.float32]"
"""(N, D) float32."""

BATCH_IMAGES = 32
BATCH_TEXTS, USUAL_TOKENS = 64, 512
"""Texts are encoded together, fewer if they have more tokens than usual, as what compares these takes their
square."""
SORTED_TEXTS = 4096
"""Texts are sorted by length within blocks of this many, to reduce computation on padding."""
BATCHES_AHEAD = 2


class Elsewhere(Protocol):
    """Other processes that have the model too (`predictor.spread`)."""

    def films(self, images: Iterable[Any], question: Any, here: Any) -> Iterator[Any]:
        """What `here`, a function of this process, gives for images and a question, in its order."""
        ...

    def texts(self, blocks: Iterable[Sequence[str]]) -> Iterator[Vectors]:
        """The vectors of every block of texts."""
        ...

    def untrained(self, seed: int) -> Elsewhere:
        """The same with random weights."""
        ...


@dataclass(frozen=True)
class Core:
    """A model in evaluation mode on `device`; `name` is its name in messages.

    `warnings` are what a person should know of what was encoded so far, the first of each kind. `kept` are
    answers that the next question is likely to need again, by kind, each with what it was the answer to.
    `elsewhere` are other processes that encode images and texts in its place. `cost` is that of a film.
    """

    model: Model
    tokenizers: Mapping[str, Tokenizer]
    config: ModelConfig
    device: torch.device
    name: str
    warnings: dict[str, str] = field(default_factory=dict)
    kept: dict[str, tuple[Hashable, Any]] = field(default_factory=dict)
    elsewhere: Elsewhere | None = None
    cost: Cost = field(default_factory=Cost)

    @property
    def films_at_once(self) -> int:
        """How many films are encoded together, fewer where their arrays are large."""
        return max(1, min(BATCH_IMAGES, limits.ARRAYS_TOGETHER // max(1, self.cost.largest)))

    def warn(self, kind: str, alarm: str | None) -> None:
        """Keeps an alarm, if there is one, and none of its kind so far."""
        if alarm:
            self.warnings.setdefault(kind, alarm)

    def watched(
        self, blocks: Iterable[Vectors], what: str, texts: Sequence[str] | None = None
    ) -> Iterator[Vectors]:
        """`blocks` of unit vectors as they are; a warning at their end where all are nearly the same.

        Those of equal `texts` may be.
        """
        seen, known, start = Concentration(what), DiskSet(), 0
        for block in blocks:
            own = None if texts is None else texts[start : start + len(block)]
            new = slice(None) if own is None else [place for place, one in enumerate(own) if known.add(one)]
            seen.add(block[new])
            start += len(block)
            yield block
        self.warn(what, seen.alarm)

    def able(self, protocol: Any, way_out: str = "") -> Any:
        """The model, checked for the ability `protocol`.

        Raises:
            UsageError: the model lacks the ability; the message ends with `way_out`.
        """
        return ability(self.model, protocol, self.name, way_out)

    def arrays(self, values: Tensor) -> Vectors:
        """`values` as float32.

        Raises:
            ModelError: they are not all finite.
        """
        array = values.float().cpu().numpy()
        if not np.isfinite(array).all():
            raise ModelError(f"{self.name}: its vectors are not finite; its weights are damaged")
        return array

    def sentences(self, tokenizer: str, token_ids: Tensor) -> list[str]:
        """The texts of token ids (N, L), each up to its end token."""
        end = self.model.facts.tokenizers[tokenizer].end
        texts = []
        for row in token_ids.tolist():
            kept = row[: row.index(end)] if end in row else row
            texts.append(self.tokenizers[tokenizer].decode(kept).strip())
        return texts


def described(what: str, observations: Sequence[str], probability: Vectors) -> str:
    """A line about the probabilities (N, C) of N images; those of a single image one by one."""
    if len(probability) != 1:
        return f"<{what} of {len(probability)} images, {len(observations)} observations>"
    pairs = zip(observations, probability[0].tolist(), strict=True)
    return f"<{what}: {', '.join(f'{name} {value:.3f}' for name, value in pairs)}>"
