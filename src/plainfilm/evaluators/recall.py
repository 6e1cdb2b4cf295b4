"""recall@K: the share of images with their own text, or an identical one, among the K most similar."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from plainfilm.config import Settings
from plainfilm.evaluators.base import EvaluatorContext
from plainfilm.metrics.retrieval import join, tie_aware_ranks
from plainfilm.objectives.base import Encoded
from plainfilm.types import Better

NEEDS = ("text",)
PATCHES = False

_BLOCK = 512
_METRIC = re.compile(r"recall@([1-9]\d*)")


class Config(Settings):
    """at: the numbers K."""

    use: str = "recall"
    at: tuple[int, ...] = Field(default=(1, 5, 10), min_length=1)


def metrics(config: Config) -> dict[str, Better]:
    """`recall@K` for each K."""
    return {f"recall@{k}": "higher" for k in config.at}


def provides(metric: str, objectives: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The settings for `recall@K`."""
    match = _METRIC.fullmatch(metric)
    return {"at": (int(match[1]),)} if match else None


class Recall:
    """Ranks all texts of the split for each image."""

    def __init__(self, config: Config) -> None:
        self._at = config.at

    def records(self, encoded: Encoded) -> list[Any]:
        """The vectors of the first image and text of each item, and the hashes of study and text."""
        keys, texts = encoded.batch.keys, encoded.batch.targets["text"]
        columns = [
            *(encoded.image_vectors(1), encoded.text_vectors(most=1)[:, 0]),
            *(keys.study, texts.keys[:, 0]),
        ]
        vectors = list(zip(*(column.cpu().numpy() for column in columns), strict=True))
        return [one if has else None for one, has in zip(vectors, texts.present.tolist(), strict=True)]

    def scores(self, records: Sequence[Any]) -> dict[str, float]:
        """`recall@K` over all records."""
        if not records:
            return {}
        images, texts, study, text = (np.stack(column) for column in zip(*records, strict=True))
        ranks_by_block = []
        for start in range(0, len(images), _BLOCK):
            block = slice(start, start + _BLOCK)
            right = (study[block, None] == study) | (text[block, None] == text)
            ranks_by_block.append(
                tie_aware_ranks(images[block] @ texts.T, [np.flatnonzero(row) for row in right])
            )
        ranks = join(ranks_by_block)
        return {f"recall@{k}": float(ranks.recall_at(k).mean()) for k in self._at}


def build(config: Config, context: EvaluatorContext) -> Recall:
    """The evaluator."""
    return Recall(config)
