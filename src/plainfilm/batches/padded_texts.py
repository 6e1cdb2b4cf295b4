"""Lists of lists of texts as token ids: the inner lists are padded to the longest."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from plainfilm.batches.targets.base import Encodes


def padded_texts(tokenizer: Encodes, texts: Sequence[Sequence[str]]) -> tuple[Tensor, Tensor]:
    """Ids and mask (E, S, L) of at most S texts of each of E entries."""
    most = max((len(one) for one in texts), default=0)
    flat_ids, flat_mask = tokenizer.encode([text for one in texts for text in one])
    length = flat_ids.shape[1]
    ids = torch.zeros((len(texts), most, length), dtype=torch.int64)
    mask = torch.zeros((len(texts), most, length), dtype=torch.bool)
    at = torch.arange(most) < torch.tensor([len(one) for one in texts], dtype=torch.int64)[:, None]
    ids[at], mask[at] = torch.from_numpy(flat_ids), torch.from_numpy(flat_mask)
    return ids, mask


def texts_of(tokenizer: Encodes, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Ids and mask (E, L) of texts."""
    ids, mask = tokenizer.encode(texts)
    return torch.from_numpy(ids), torch.from_numpy(mask)


def written_texts(tokenizer: Encodes, texts: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
    """Ids and mask (E, L) of texts that are to be written, and whether each was short enough to be kept whole
    (E,): the end of another is no end to be learned."""
    ids, mask = texts_of(tokenizer, texts)
    return ids, mask, mask.sum(dim=1) < tokenizer.max_tokens
