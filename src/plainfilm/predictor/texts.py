"""Encodes texts: sorted by length into batches, and returned in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plainfilm.models.base import EncodesTexts, ScoresPairs
from plainfilm.predictor import core
from plainfilm.predictor.core import Core, Vectors
from plainfilm.progress import SILENT, Progress
from plainfilm.text.tokenizers import unknown_tokens_alarm

TEXT = "text"
"""The name of the tokenizer for reading texts."""

_WAY_OUT = (
    "use `plainfilm evaluate classification` or `plainfilm predict` without --prompts (in Python: classify), "
    "or a model that was trained on texts"
)


def reads_texts(core: Core) -> EncodesTexts:
    """The model, checked for the ability to encode texts.

    Raises:
        UsageError: it lacks this ability.
    """
    model: EncodesTexts = core.able(EncodesTexts, _WAY_OUT)
    return model


def scores_pairs(core: Core) -> bool:
    """Whether the model scores films and texts in pairs, and has no vectors to compare."""
    return isinstance(core.model, ScoresPairs)


def pair_texts(own: Core, texts: Sequence[str]) -> Any:
    """Texts as a model that scores pairs takes them (`models.base.ScoresPairs`).

    The model keeps a warning where its tokenizer knows few of their words.
    """
    model: ScoresPairs = own.able(ScoresPairs)
    alarm = unknown_tokens_alarm(own.tokenizers[TEXT], texts)
    own.warn("tokens", alarm and f"{own.name}: {alarm}")
    with torch.inference_mode():
        return model.pair_texts(*tokens(own, texts))


def tokens(own: Core, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Ids and mask (N, L) of texts on the model's device."""
    ids, mask = own.tokenizers[TEXT].encode(texts)
    return torch.from_numpy(ids).to(own.device), torch.from_numpy(mask).to(own.device)


def stream_texts(own: Core, texts: Sequence[str], progress: Progress = SILENT) -> Iterator[Vectors]:
    """Unit vectors of texts in blocks (n, D), in their order.

    The model keeps a warning where its tokenizer knows few of their words, or where it tells no texts apart.
    """
    reads_texts(own)
    alarm = unknown_tokens_alarm(own.tokenizers[TEXT], texts)
    own.warn("tokens", alarm and f"{own.name}: {alarm}")
    yield from own.watched(_stream(own, texts, progress), "texts", texts)


def _stream(own: Core, texts: Sequence[str], progress: Progress) -> Iterator[Vectors]:
    starts = range(0, len(texts), core.SORTED_TEXTS)
    blocks = (texts[start : start + core.SORTED_TEXTS] for start in starts)
    if own.elsewhere is not None and len(starts) > 1:
        yield from progress.track(own.elsewhere.texts(blocks), len(starts), "embedding texts")
        return
    for block in progress.track(blocks, len(starts), "embedding texts"):
        yield encode_block(own, block)


def encode_block(own: Core, texts: Sequence[str]) -> Vectors:
    """Unit vectors (N, D) of a block of texts, in their order."""
    model = reads_texts(own)
    order = sorted(range(len(texts)), key=lambda place: (len(texts[place]), place))
    vectors = np.empty((len(texts), own.model.dimension), dtype=np.float32)
    for start in range(0, len(order), core.BATCH_TEXTS):
        places = order[start : start + core.BATCH_TEXTS]
        ids, mask = tokens(own, [texts[place] for place in places])
        together = max(1, core.BATCH_TEXTS * core.USUAL_TOKENS**2 // max(1, ids.shape[1]) ** 2)
        with torch.inference_mode():
            parts = zip(torch.split(ids, together), torch.split(mask, together), strict=True)
            encoded = torch.cat([model.encode_texts(*part) for part in parts])
        vectors[places] = own.arrays(encoded)
    return vectors
