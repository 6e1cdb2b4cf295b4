"""Terms and scores of zero-shot classification: rankings, decisions at thresholds, abstention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from plainfilm.metrics.classification import truth_codes
from plainfilm.metrics.conformal import Bounds
from plainfilm.metrics.scores import Score, Terms, ranked_terms, terms
from plainfilm.tasks.prompting.deciding import Floats
from plainfilm.tasks.prompting.films import Mask

RANKED = ("auroc", "average_precision")
DECIDED = ("f1", "precision", "recall", "specificity")
HALF = "f1_at_half"
"""F1 of calling positive what the positive ensemble is closer to: the published rule, without a threshold."""
ABSTENTION = ("abstains", "coverage_positive", "coverage_negative", "error_decided")


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


def abstention_terms(margins: Floats, bounds: Sequence[Bounds], truth: Truth) -> dict[str, Floats]:
    """Terms of `ratio_scores(ABSTENTION)`: margins (N, C)."""
    held = np.stack([one.holds(margins[:, column]) for column, one in enumerate(bounds)], axis=1)
    return _abstention(held.astype(np.float64), truth)


def random_abstention(miss: float, truth: Truth) -> dict[str, Floats]:
    """The same for sets that hold each label with a chance of 1 - `miss`, in the mean."""
    return _abstention(np.full((*truth.known.shape, 2), 1.0 - miss), truth)


def _abstention(held: Floats, truth: Truth) -> dict[str, Floats]:
    """held: (N, C, 2), the chance that the set holds "negative" and "positive"."""
    found: dict[str, Floats] = {}
    for column, name in enumerate(truth.observations):
        enters = truth.counted[:, column].astype(np.float64)
        positive = truth.positive[:, column]
        no, yes = held[:, column, 0], held[:, column, 1]
        only_yes, only_no = yes * (1 - no), no * (1 - yes)
        decided = (only_yes + only_no) * enters
        wrong = np.where(positive, only_no, only_yes) * enters
        found |= {
            f"abstains/{name}": terms(enters - decided, enters),
            f"coverage_positive/{name}": terms(yes * positive * enters, positive * enters),
            f"coverage_negative/{name}": terms(no * ~positive * enters, ~positive * enters),
            f"error_decided/{name}": terms(wrong, decided),
        }
    return found
