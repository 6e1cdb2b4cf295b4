"""Terms of abstention: how often sets of plausible labels abstain, hold the truth, and mislead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plainfilm.metrics.conformal import Bounds
from plainfilm.metrics.scores import terms
from plainfilm.tasks.scoring.observations import Floats, Truth

ABSTENTION = ("abstains", "coverage_positive", "coverage_negative", "error_decided")


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
