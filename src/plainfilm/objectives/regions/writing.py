"""Teacher forcing with the texts of entries: the cross entropy of every token given those before it.

The padding of a text is no token, and a text that was cut has no end to be learned.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from plainfilm.nn.base import in_full_precision
from plainfilm.nn.length_groups import length_groups
from plainfilm.nn.row_dropout import dropout_entries, in_parts
from plainfilm.objectives.base import Encoded
from plainfilm.objectives.regions.encoding import of_present


def wanted_tokens(target: Any) -> Tensor:
    """(E, L - 1) bool: the places whose next token is to be written."""
    wanted = target.written_mask[:, 1:] & of_present(target)[:, None]
    places = torch.arange(wanted.shape[1], device=wanted.device) + 1
    last = target.written_mask.sum(dim=1, keepdim=True) - 1
    shown: Tensor = wanted & (target.complete[:, None] | (places < last))
    return shown


def written(encoded: Encoded, target: Any, vectors: Tensor, mask: Tensor) -> Tensor:
    """The summed cross entropy of the wanted tokens, written from `vectors` (E, T, D) where `mask` (E, T) is
    True."""
    ids, wanted = target.written_ids, wanted_tokens(target)
    losses = []
    with dropout_entries(target.of):
        for rows in in_parts(_groups(wanted)):
            most = int(wanted[rows].sum(dim=1).max())
            texts = ids[rows, : most + 1]
            shown = wanted[rows, :most]
            logits = encoded.model("sentence_logits", vectors[rows], mask[rows], texts[:, :-1], shown)
            right = texts[:, 1:][shown]
            losses.append(nn.functional.cross_entropy(in_full_precision(logits), right, reduction="sum"))
    return torch.stack(losses).sum()


def _groups(wanted: Tensor) -> list[Tensor]:
    """The entries with any of the places `wanted` (E, L), in groups of texts that are about equally long; on
    an accelerator padding takes less time than further groups."""
    lengths = wanted.sum(dim=1)
    rows = lengths.nonzero().flatten()
    if wanted.device.type != "cpu":
        return [rows]
    return [rows[torch.from_numpy(group)] for group in length_groups(lengths[rows].numpy())]
