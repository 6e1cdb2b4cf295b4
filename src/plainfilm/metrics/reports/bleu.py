"""BLEU (Papineni et al. 2002): n-gram precision with a brevity penalty, counted by sacrebleu.

The corpus score comes from the sums of the pairs' counts, so it can be resampled; smoothing is sacrebleu's
default ("exp": n-gram sizes without a match count 1/2, 1/4, ... of one). Values are 0 to 1, where sacrebleu
prints 0 to 100.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Tokenisation = Literal["13a", "intl", "zh", "char", "none"]
"""Tokenisations of sacrebleu: 13a (mteval's, for English), intl (any script with spaces), zh (Chinese), char,
none (white space)."""

LARGEST = 4
"""The largest n-grams that are counted."""


def counts(
    references: Sequence[str], candidates: Sequence[str], tokenisation: Tokenisation = "13a"
) -> NDArray[np.int64]:
    """(N, 1 + `LARGEST`, 2): first the tokens of candidate and reference, then for each size from 1 the
    n-grams of the candidate that the reference has too (each at most as often as there), and all of them."""
    metric = _metric(tokenisation, LARGEST)
    found = np.zeros((len(candidates), 1 + LARGEST, 2), dtype=np.int64)
    for row, (reference, candidate) in enumerate(zip(references, candidates, strict=True)):
        pair = metric.sentence_score(candidate, [reference])
        found[row, 0] = pair.sys_len, pair.ref_len
        found[row, 1:, 0], found[row, 1:, 1] = pair.counts, pair.totals
    return found


def corpus_bleu(sums: ArrayLike) -> Floats:
    """BLEU-n (...) from sums of counts (..., 1 + n, 2), laid out as in `counts`; NaN without a reference."""
    values = np.asarray(sums, dtype=np.float64)
    lengths, matched, total = values[..., 0, :], values[..., 1:, 0], values[..., 1:, 1]
    halved = 0.5 ** np.cumsum(matched == 0, axis=-1)
    shares = np.divide(
        np.where(matched == 0, halved, matched), total, out=np.zeros(total.shape), where=total > 0
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.exp(np.log(shares).mean(axis=-1))
        brevity = np.exp(np.minimum(0.0, 1.0 - lengths[..., 1] / lengths[..., 0]))
    score = np.where((lengths[..., 0] > 0) & (matched > 0).any(axis=-1), mean * brevity, 0.0)
    return np.where(lengths[..., 1] > 0, score, np.nan)


def sentence_bleu(
    references: Sequence[str],
    candidates: Sequence[str],
    size: int = LARGEST,
    tokenisation: Tokenisation = "13a",
) -> Floats:
    """BLEU-`size` of each pair by itself (N,), with n-grams no larger than the candidate (a reward)."""
    metric = _metric(tokenisation, size)
    pairs = zip(references, candidates, strict=True)
    return np.array([metric.sentence_score(candidate, [one]).score / 100 for one, candidate in pairs])


def identity(size: int, tokenisation: Tokenisation = "13a") -> str:
    """The identity of corpus BLEU-`size`."""
    return (
        f"bleu-{size}|level:corpus|case:lower|tokenisation:sacrebleu-{tokenisation}|smoothing:exp|"
        f"library:sacrebleu-{version('sacrebleu')}"
    )


def _metric(tokenisation: Tokenisation, size: int):  # type: ignore[no-untyped-def]
    from sacrebleu.metrics.bleu import BLEU

    # `force`: texts of other systems may be tokenised already, which is no reason for a warning per run.
    return BLEU(lowercase=True, force=True, tokenize=tokenisation, max_ngram_order=size, effective_order=True)
