"""CIDEr and CIDEr-D (Vedantam et al. 2015, arXiv:1411.5726): n-grams weighted by how rare they are.

Every text is a vector of its n-grams' counts times log(references / references with the n-gram), for n from
1 to 4. CIDEr is the mean over n of the cosine of both vectors, over stemmed words. CIDEr-D clips the
candidate's weights to the reference's, multiplies by exp(-(difference in words)^2 / 72), and by 10; it is
what COCO's script prints as "CIDEr".

The weights come from a set of references, by default those that are scored: values of different reference
sets cannot be compared, and a single reference has none (every weight is 0).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from plainfilm.metrics.reports.words import TOKENISATION, Ngram, Words, ngrams, stem

Floats = NDArray[np.float64]
Vector = Mapping[Ngram, float]

SIZES = (1, 2, 3, 4)
WIDTH = 6.0
"""Sigma of the length penalty of CIDEr-D, in words."""
SCALE = 10.0
"""The factor of CIDEr-D."""

IDENTITY = f"cider|level:report|idf:references|case:lower|tokenisation:{TOKENISATION}|stemming:porter"
IDENTITY_D = f"cider-d|level:report|idf:references|case:lower|tokenisation:{TOKENISATION}|stemming:none"


@dataclass(frozen=True)
class DocumentFrequencies:
    """In how many of `documents` texts each n-gram occurs."""

    counts: Mapping[Ngram, int]
    documents: int

    @cached_property
    def _weights(self) -> dict[Ngram, float]:
        whole = self._unseen
        return {ngram: whole - math.log(count) for ngram, count in self.counts.items()}

    @property
    def _unseen(self) -> float:
        return math.log(self.documents) if self.documents else 0.0

    def vector(self, tokens: Words, size: int) -> dict[Ngram, float]:
        """The weighted n-grams of a text; an n-gram of no document weighs as much as one of a single one."""
        weights, unseen = self._weights, self._unseen
        return {ngram: count * weights.get(ngram, unseen) for ngram, count in ngrams(tokens, size).items()}


def document_frequencies(texts: Sequence[Words]) -> DocumentFrequencies:
    """The frequencies of all n-grams of `texts`, given as words."""
    counts: Counter[Ngram] = Counter()
    for tokens in texts:
        for size in SIZES:
            counts.update(ngrams(tokens, size).keys())
    return DocumentFrequencies(counts, len(texts))


def stemmed(texts: Sequence[Words]) -> list[list[str]]:
    """The stems of the words of every text, as CIDEr takes them."""
    return [[stem(word) for word in tokens] for tokens in texts]


def cider(
    references: Sequence[Words], candidates: Sequence[Words], frequencies: DocumentFrequencies | None = None
) -> Floats:
    """CIDEr of each pair of texts, given as stems (`stemmed`): (N,), 0 to 1."""
    known = frequencies or document_frequencies(references)

    def score(reference: Words, candidate: Words) -> float:
        return _mean(known, reference, candidate, _cosine)

    return _each(score, references, candidates)


def cider_d(
    references: Sequence[Words], candidates: Sequence[Words], frequencies: DocumentFrequencies | None = None
) -> Floats:
    """CIDEr-D of each pair of texts, given as words: (N,), 0 to 10."""
    known = frequencies or document_frequencies(references)

    def score(reference: Words, candidate: Words) -> float:
        difference = len(candidate) - len(reference)
        penalty = math.exp(-(difference**2) / (2 * WIDTH**2))
        return SCALE * penalty * _mean(known, reference, candidate, _clipped_cosine)

    return _each(score, references, candidates)


def _each(score, references: Sequence[Words], candidates: Sequence[Words]) -> Floats:  # type: ignore[no-untyped-def]
    return np.array([score(*pair) for pair in zip(references, candidates, strict=True)], dtype=np.float64)


def _mean(known: DocumentFrequencies, reference: Words, candidate: Words, similarity) -> float:  # type: ignore[no-untyped-def]
    values = [similarity(known.vector(reference, size), known.vector(candidate, size)) for size in SIZES]
    return math.fsum(values) / len(SIZES)


def _cosine(reference: Vector, candidate: Vector) -> float:
    shared = math.fsum(weight * reference.get(ngram, 0.0) for ngram, weight in candidate.items())
    return _divided(shared, reference, candidate)


def _clipped_cosine(reference: Vector, candidate: Vector) -> float:
    shared = math.fsum(
        min(weight, reference.get(ngram, 0.0)) * reference.get(ngram, 0.0)
        for ngram, weight in candidate.items()
    )
    return _divided(shared, reference, candidate)


def _divided(shared: float, reference: Vector, candidate: Vector) -> float:
    norms = math.hypot(*reference.values()) * math.hypot(*candidate.values())
    return shared / norms if norms else 0.0
