"""Terms and scores of observations that are there or not: rankings, and decisions at thresholds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plainfilm.metrics.classification import truth_codes
from plainfilm.metrics.scores import Score, Terms, ranked_terms, terms

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Trial = tuple[list[Score], Terms, Mapping[str, Terms]]
"""Scores, the model's terms and those of each baseline."""

RANKED = ("auroc", "average_precision")
DECIDED = ("f1", "precision", "recall", "specificity")
HALF = "f1_at_half"
"""F1 of calling positive what is likelier than not, without a threshold: what two prompts are closer to."""


@dataclass(frozen=True)
class Truth:
    """positive, known: (N, C) by `observations`. A column of one class has no score."""

    observations: Sequence[str]
    positive: Mask
    known: Mask

    @property
    def usable(self) -> Mask:
        """(C,): both classes occur."""
        positive, negative = self.positive & self.known, ~self.positive & self.known
        return np.asarray(positive.any(axis=0) & negative.any(axis=0))

    @property
    def counted(self) -> Mask:
        """(N, C): known, in a column of both classes."""
        return self.known & self.usable

    @property
    def prevalence(self) -> Floats:
        """(C,) share of positives among the known, 0 where nothing is known."""
        return (self.positive & self.known).sum(axis=0) / np.maximum(self.known.sum(axis=0), 1)


def ranking_scores(observations: Sequence[str]) -> list[Score]:
    """AUROC and average precision: the macro mean, then each observation."""
    parts = tuple(f"score/{name}" for name in observations)
    found = []
    for kind in RANKED:
        found.append(Score(f"{kind}_macro", kind, parts))
        found += [
            Score(f"{kind}/{name}", kind, (part,)) for name, part in zip(observations, parts, strict=True)
        ]
    return found


def ratio_scores(kinds: Sequence[str], observations: Sequence[str]) -> list[Score]:
    """Of each kind the macro mean over the observations that have it, then each observation."""
    found = []
    for kind in kinds:
        parts = tuple(f"{kind}/{name}" for name in observations)
        found.append(Score(f"{kind}_macro", "mean", parts))
        found += [Score(part, "ratio", (part,)) for part in parts]
    return found


def number_of_films(score: Score, values: Terms) -> int:
    """The n of a score: films of which any of its observations is known."""
    names = [part.partition("/")[2] for part in score.parts]
    return int(np.any([values[f"known/{name}"][:, 0] > 0 for name in names], axis=0).sum())


def known_terms(truth: Truth) -> dict[str, Floats]:
    """What `number_of_films` counts."""
    return {f"known/{name}": terms(truth.known[:, c]) for c, name in enumerate(truth.observations)}


def ranking_terms(scores: Floats, truth: Truth) -> dict[str, Floats]:
    """Terms of `ranking_scores`: scores (N, C)."""
    codes = truth_codes(truth.positive, truth.counted)
    return {
        f"score/{name}": ranked_terms(scores[:, c], codes[:, c]) for c, name in enumerate(truth.observations)
    }


def decision_terms(said: Floats, truth: Truth, decided: Mask, kinds: Sequence[str]) -> dict[str, Floats]:
    """Terms of `ratio_scores(kinds)`: said (N, C), 1 for positive; or the chance of it.

    decided: (C,) observations that have a threshold; the others have no such score.
    """
    found: dict[str, Floats] = {}
    for column, name in enumerate(truth.observations):
        enters = (truth.counted[:, column] & decided[column]).astype(np.float64)
        positive, called = truth.positive[:, column] * enters, said[:, column]
        negative = enters - positive
        hits, extra = positive * called, negative * called
        sides = {
            "f1": (2 * hits, hits + extra + positive),
            HALF: (2 * hits, hits + extra + positive),
            "precision": (hits, hits + extra),
            "recall": (hits, positive),
            "specificity": (negative - extra, negative),
        }
        found |= {f"{kind}/{name}": terms(*sides[kind]) for kind in kinds}
    return found


def trial(
    zero_is_half: bool, scores: Floats, thresholds: Sequence[float | None] | None, truth: Truth
) -> Trial:
    """Of scores (N, C), higher is more positive: rankings, decisions at `thresholds` (C,) where there are
    any, and, where `zero_is_half`, at 0. An observation without scores (NaN) has no score."""
    named = ranking_scores(truth.observations)
    values = {**known_terms(truth), **ranking_terms(scores, truth)}
    chance = np.tile(truth.prevalence, (len(scores), 1))
    trivial = {"random": chance, "majority": (chance > 0.5).astype(np.float64)}
    baselines: dict[str, dict[str, Floats]] = {name: {} for name in trivial}
    baselines["random"] |= ranking_terms(np.where(np.isfinite(scores), 0.0, np.nan), truth)
    cuts: list[tuple[Floats, tuple[str, ...]]] = []
    if thresholds is not None:
        cuts.append((np.array([np.nan if one is None else one for one in thresholds]), DECIDED))
    if zero_is_half:
        cuts.append((np.zeros(scores.shape[1]), (HALF,)))
    for cut, kinds in cuts:
        decided = np.isfinite(cut) & np.isfinite(scores).any(axis=0)
        named += ratio_scores(kinds, truth.observations)
        values |= decision_terms((scores >= cut).astype(np.float64), truth, decided, kinds)
        for name, said in trivial.items():
            baselines[name] |= decision_terms(said, truth, decided, kinds)
    return named, values, baselines
