"""auroc_macro: the mean AUROC of a classifier over the observations that have images of both classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from plainfilm.batches.labels import Absent, Uncertain, truth
from plainfilm.config import Settings
from plainfilm.evaluators.base import EvaluatorContext
from plainfilm.metrics.classification import macro, rank, truth_codes
from plainfilm.models.base import Classifies, ability
from plainfilm.objectives.base import Encoded
from plainfilm.types import Better

NEEDS = ("labels",)
PATCHES = False
METRIC = "auroc_macro"


class Config(Settings):
    """The truth of uncertain and absent states; by default that of the objective."""

    use: str = "auroc"
    uncertain: Uncertain = "ignore"
    absent: Absent = "negative"


def metrics(config: Config) -> dict[str, Better]:
    """`auroc_macro`."""
    return {METRIC: "higher"}


def provides(metric: str, objectives: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """The settings for `auroc_macro`, with the truth of states from the objective that reads labels."""
    if metric != METRIC:
        return None
    stated = [{key: one[key] for key in ("uncertain", "absent") if key in one} for one in objectives]
    return next((one for one in stated if one), {})


class Auroc:
    """Ranks the images of the split for each observation."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def records(self, encoded: Encoded) -> list[Any]:
        """Logits (O,) and states (O,) of each item."""
        ability(encoded.model, Classifies, "evaluator 'auroc'", "measure recall@K or the loss")
        target = encoded.batch.targets["labels"]
        logits = encoded.logits().float().cpu().numpy()
        numbered = zip(logits, target.states.cpu().numpy(), target.present.tolist(), strict=True)
        return [(one, states) if has else None for one, states, has in numbered]

    def scores(self, records: Sequence[Any]) -> dict[str, float]:
        """`auroc_macro`, if any observation has images of both classes."""
        if not records:
            return {}
        logits, states = (np.stack(column) for column in zip(*records, strict=True))
        positive, known = truth(states, self._config.uncertain, self._config.absent)
        codes = truth_codes(positive, known)
        value = macro(rank(logits, codes).under(np.ones((1, len(codes)), dtype=np.float32))[0, :, 0])
        return {METRIC: value} if value == value else {}


def build(config: Config, context: EvaluatorContext) -> Auroc:
    """The evaluator."""
    return Auroc(config)
