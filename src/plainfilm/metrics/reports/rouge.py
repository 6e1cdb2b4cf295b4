"""ROUGE-L (Lin 2004): the longest common subsequence of words of two texts.

The F1 of rouge-score: precision and recall count alike (COCO's script weighs recall 1.2 times).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import NDArray

from plainfilm.metrics.reports.words import TOKENISATION, Words

Floats = NDArray[np.float64]

IDENTITY = f"rouge-l|level:report|f:1|case:lower|tokenisation:{TOKENISATION}|stemming:none"


@njit(cache=True)
def _common(first, second):  # type: ignore[no-untyped-def]
    """The length of the longest common subsequence of two arrays of word numbers."""
    above = np.zeros(len(second) + 1, np.int64)
    for word in first:
        diagonal = 0
        for place in range(len(second)):
            best = above[place + 1]
            if second[place] == word:
                above[place + 1] = diagonal + 1
            else:
                above[place + 1] = max(best, above[place])
            diagonal = best
    return above[-1]


def rouge_l(references: Sequence[Words], candidates: Sequence[Words]) -> Floats:
    """F1 of each pair of texts, given as words: (N,), 0 if one of them is empty."""
    numbers: dict[str, int] = {}

    def encoded(tokens: Words) -> NDArray[np.int64]:
        return np.array([numbers.setdefault(token, len(numbers)) for token in tokens], dtype=np.int64)

    scores = np.zeros(len(candidates))
    for row, (reference, candidate) in enumerate(zip(references, candidates, strict=True)):
        if len(reference) and len(candidate):
            shared = _common(encoded(reference), encoded(candidate))
            scores[row] = 2.0 * shared / (len(reference) + len(candidate))
    return scores
