"""The form of reports, without a reference: length, repetition, and how much they differ from each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plainfilm.metrics.reports.words import TOKENISATION, Words, ngrams

Floats = NDArray[np.float64]

REPEATED_SIZE = 3
"""The n-grams whose repetition within a report is counted."""

IDENTITY = f"form|case:lower|tokenisation:{TOKENISATION}"


def lengths(texts: Sequence[Words]) -> Floats:
    """The number of words of each text (N,)."""
    return np.array([len(tokens) for tokens in texts], dtype=np.float64)


def repeated_ngrams(texts: Sequence[Words], size: int = REPEATED_SIZE) -> Floats:
    """(N, 2): the n-grams of a text that occurred in it before, and all of them."""
    counted = [ngrams(tokens, size) for tokens in texts]
    pairs = [(counts.total() - len(counts), counts.total()) for counts in counted]
    return np.array(pairs, dtype=np.float64).reshape(len(texts), 2)


def is_repeated(texts: Sequence[Words]) -> Floats:
    """(N,): 1 for a text that another of the texts equals word by word."""
    keys = [tuple(tokens) for tokens in texts]
    counts = Counter(keys)
    return np.array([counts[key] > 1 for key in keys], dtype=np.float64)


def distinct_sentences(texts: Sequence[Sequence[Words]]) -> Floats:
    """(N, 2): each text's part of the distinct sentences of all texts, and the number of its sentences.

    The ratio of the sums is distinct sentences per sentence; a sentence that occurs k times counts 1/k each
    time. texts: the sentences of each text, as words.
    """
    counts = Counter(tuple(sentence) for sentences in texts for sentence in sentences)
    pairs = [
        (sum(1.0 / counts[tuple(sentence)] for sentence in sentences), len(sentences)) for sentences in texts
    ]
    return np.array(pairs, dtype=np.float64).reshape(len(texts), 2)
