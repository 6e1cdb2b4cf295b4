"""METEOR (Banerjee and Lavie 2005, with the parameters of Lavie and Agarwal 2007), computed by NLTK.

Words match exactly or by their stem. The published third stage, synonyms of WordNet, is left out: the data
cannot be installed with the package. The Java program (METEOR 1.5) also weighs paraphrases; its scores are
others, and not to be compared with these.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version

import numpy as np
from numpy.typing import NDArray

from plainfilm.metrics.reports import words
from plainfilm.metrics.reports.words import TOKENISATION, Words


def meteor(references: Sequence[Words], candidates: Sequence[Words]) -> NDArray[np.float64]:
    """METEOR of each pair of texts, given as words: (N,), 0 to 1; alpha 0.9, beta 3, gamma 0.5."""
    from nltk.translate.meteor_score import single_meteor_score

    pairs = zip(references, candidates, strict=True)
    return np.array(
        [
            single_meteor_score(list(one), list(candidate), str, _Stems(), _NoSynonyms())
            for one, candidate in pairs
        ]
    )


def identity() -> str:
    """The identity of the metric."""
    return (
        f"meteor|level:report|stages:exact,stem|case:lower|tokenisation:{TOKENISATION}|"
        f"library:nltk-{version('nltk')}"
    )


class _Stems:
    """Remembered stems: reports repeat their words."""

    def stem(self, word: str) -> str:
        return words.stem(word)


class _NoSynonyms:
    """A WordNet without entries."""

    def synsets(self, word: str) -> tuple[()]:
        return ()
