"""A BERT whose texts are a mean of several layers, as GLoRIA, MedCLIP and CARZero read Bio_ClinicalBERT."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from plainfilm.checkpoints.base import CheckpointConfig
from plainfilm.checkpoints.reading import bert
from plainfilm.checkpoints.reading.source import Source
from plainfilm.checkpoints.reading.tokenizer import Cleaning, tokenizer_of
from plainfilm.text.tokenizers import Tokenizer


class LayeredConfig(CheckpointConfig):
    """Options of a family with such a BERT. tokenizer: by default the published one. text_heads: attention
    heads, where they are not 64 features wide.
    """

    text_heads: int | None = Field(default=None, ge=1)


@dataclass(frozen=True)
class LayeredBert:
    """encoder: the settings of the text encoder. rows, longest: the tokens that it knows, and those of a
    text. tokenizer: finds the tokenizer."""

    encoder: dict[str, Any]
    rows: int
    longest: int
    tokenizer: Callable[[], Tokenizer]

    @property
    def width(self) -> int:
        """The features of a text."""
        return int(self.encoder["settings"]["hidden_size"])


def layered_bert(
    source: Source,
    prefix: str,
    layers: tuple[int, ...],
    config: LayeredConfig,
    *,
    published: str,
    longest: int,
    cleaning: Cleaning | None = None,
) -> LayeredBert:
    """The BERT with the tensors below `prefix`, pooled over the mean of `layers`. published: the name of its
    tokenizer.

    Raises:
        ModelError: not a BERT.
    """
    settings = bert.bert_settings(source.below(prefix), config.text_heads, source.where)
    rows, places = int(settings["vocab_size"]), min(longest, int(settings["max_position_embeddings"]))
    name = config.tokenizer or published
    return LayeredBert(
        encoder={
            "use": "transformers",
            "name": published,
            "pretrained": False,
            "settings": settings,
            "layers": list(layers),
        },
        rows=rows,
        longest=places,
        tokenizer=lambda: tokenizer_of(name, places, rows, offline=config.offline, cleaning=cleaning),
    )
