"""Whether vectors that should tell things apart are nearly the same, over a stream of any length."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

SAME_COSINE = 0.999
"""A mean cosine above which vectors are nearly the same: angles of 2.6 degrees. Of encoders with random
weights EfficientNet-Lite0 reaches 0.992 on films of the data pack, ResNet-50 0.96, BERT 0.98 on its reports;
a constant or a dead layer gives 1."""

SAME_LOGIT = 0.004
"""A standard deviation of logits over films below which they are nearly the same: 0.001 as a probability near
one half. Logits of cosines whose temperature was never fitted vary more (CheXzero's by about 0.02)."""

FEWEST = 8
"""Of fewer vectors nothing is said: a few texts may mean the same."""


def same_answers_alarm(logits: NDArray[np.floating]) -> str | None:
    """What a person should know where N films get nearly the same logits (N, C) of all C observations, else
    `None`. Observations with NaN have no answers."""
    known = logits[:, ~np.isnan(logits).any(axis=0)]
    if len(known) < FEWEST or not known.size:
        return None
    most = float(known.std(axis=0).max())
    if most >= SAME_LOGIT:
        return None
    return (
        f"all {len(known):,} films get nearly the same answers (standard deviation of logits at most "
        f"{most:.1e}): the model cannot tell them apart, and scores say nothing"
    )


class Concentration:
    """The mean cosine over all pairs of unit vectors; `what` names what they are of, in the plural."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._known: set[Hashable] = set()
        self._count = 0
        self._sum: NDArray[np.float64] | None = None

    def add(self, vectors: NDArray[np.floating], keys: Sequence[Hashable] | None = None) -> None:
        """Adds unit vectors (n, D); with `keys` (n,) only of what was not added before, as of equal texts."""
        if keys is not None:
            first = {key: place for place, key in reversed(list(enumerate(keys))) if key not in self._known}
            self._known.update(first)
            vectors = vectors[sorted(first.values())]
        total = vectors.sum(axis=0, dtype=np.float64)
        self._sum = total if self._sum is None else self._sum + total
        self._count += len(vectors)

    @property
    def mean_cosine(self) -> float | None:
        """The mean over pairs of different vectors, (|sum|^2 - n) / (n (n - 1)); `None` without a pair."""
        count = self._count
        if self._sum is None or count < 2:
            return None
        return float((self._sum @ self._sum - count) / (count * (count - 1)))

    @property
    def alarm(self) -> str | None:
        """What a person should know where the vectors are nearly the same, else `None`."""
        cosine = self.mean_cosine
        if cosine is None or self._count < FEWEST or cosine <= SAME_COSINE:
            return None
        return (
            f"all {self._count:,} {self._what} get nearly the same vector (mean cosine {cosine:.4f}): the "
            "model cannot tell them apart, and scores say nothing"
        )
