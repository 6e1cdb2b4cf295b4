"""Groups the texts of a batch by length, to reduce computation on padding.

A batch of reports is padded to its longest, and most are far shorter. Encoded in a few groups, each as long
as its longest text, they give the same vectors up to rounding. Every group has a fixed cost, because the
gradient of every weight is added once more. With a text encoder of BERT's size on one and two cores, this
cost equals about sixty tokens for any size of group; so the groups minimise the number of tokens plus this
cost.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plainfilm.nn.row_dropout import in_parts

GROUP_COST = 64
"""The fixed cost of a group, in tokens."""


def length_groups(lengths: NDArray[np.int64], cost: int = GROUP_COST) -> list[NDArray[np.int64]]:
    """The rows (N,) in groups, the shortest texts first, with the least sum of `cost` + rows x longest.

    >>> [rows.tolist() for rows in length_groups(np.array([9, 200, 11, 10]), cost=64)]
    [[0, 3, 2], [1]]
    """
    order = np.argsort(lengths, kind="stable")
    least = np.zeros(len(order) + 1, dtype=np.int64)
    begins = np.zeros(len(order) + 1, dtype=np.int64)
    for end, longest in enumerate(lengths[order], start=1):
        sums = least[:end] + cost + longest * np.arange(end, 0, -1)
        begins[end] = sums.argmin()
        least[end] = sums[begins[end]]
    groups = []
    end = len(order)
    while end:
        groups.append(order[begins[end] : end])
        end = int(begins[end])
    return groups[::-1]


def by_length(encode: Callable[[Tensor, Tensor], Tensor], token_ids: Tensor, token_mask: Tensor) -> Tensor:
    """Call `encode` for one group of texts at a time; token_ids and token_mask (N, L), one row per text.
    Dropout is drawn as if all texts passed at once."""
    positions = torch.arange(1, token_mask.shape[1] + 1, device=token_mask.device)
    lengths = (token_mask * positions).amax(dim=1).clamp(min=1)
    groups = [torch.from_numpy(rows).to(token_ids.device) for rows in length_groups(lengths.cpu().numpy())]
    if len(groups) < 2:
        return encode(token_ids, token_mask)
    encoded = []
    for rows in in_parts(groups):
        longest = int(lengths[rows].max())
        encoded.append(encode(token_ids[rows, :longest], token_mask[rows, :longest]))
    return torch.cat(encoded)[torch.cat(groups).argsort()]
