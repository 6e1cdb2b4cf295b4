"""What a model was told to make of its scores: prompts, thresholds, calibration, when to abstain.

decisions.json   `OperatingPoints`, beside `config.json` in a model folder

`plainfilm evaluate zero_shot` (of a classifier: `classification`) with `save_decisions=true` fits them on the
validation split of collections. They hold for these weights and these prompts only, and say where they come
from. The score they speak of is the *margin*: the film's cosine with the positive ensemble minus that with
the negative one, or a classifier's logit.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from plainfilm.config import Settings, build
from plainfilm.errors import ConfigError, DataError, ModelError
from plainfilm.io.tables import read_json, write_json

FORMAT_VERSION = 1
DECISIONS_FILE = "decisions.json"

Ensembles = Literal["mean", "mean_cosine"]
"""How prompts become one score: the unit mean of their unit vectors, or the mean of their cosines."""


class OperatingPoint(Settings):
    """What holds for one observation.

    positive, negative: its prompts, none for a classifier. threshold: a margin of at least this is called
    positive. slope, bias: its probability is sigmoid(slope * margin + bias). positive_from, negative_to: the
    margins where "positive" and "negative" are plausible (`metrics.conformal`); `None` is without bound.
    Thresholds and calibration are `None` where the validation films had one class only. positives, negatives:
    how many films each.
    """

    positive: tuple[str, ...] = ()
    negative: tuple[str, ...] = ()
    threshold: float | None = None
    slope: float | None = None
    bias: float | None = None
    positive_from: float | None = None
    negative_to: float | None = None
    positives: int = Field(ge=0)
    negatives: int = Field(ge=0)

    def probability(self, margin: float) -> float | None:
        """The calibrated probability of a film's margin."""
        if self.slope is None or self.bias is None:
            return None
        logit = self.slope * margin + self.bias
        # tanh, because exp would overflow far from 0.
        return 0.5 * (1.0 + math.tanh(logit / 2.0))

    def is_positive(self, margin: float) -> bool | None:
        """Whether a margin is called positive, where there is a threshold."""
        return None if self.threshold is None else margin >= self.threshold

    def abstains(self, margin: float) -> bool:
        """Whether both labels or none are plausible at this margin."""
        positive = self.positive_from is None or margin >= self.positive_from
        negative = self.negative_to is None or margin <= self.negative_to
        return positive == negative


class OperatingPoints(Settings):
    """The decisions of a model; `protocol` says on which films and labels they were fitted.

    miss: the share of each class that may lie outside its sets. temperature: the one that fits all
    observations best.
    """

    format_version: int = FORMAT_VERSION
    model_fingerprint: str
    ensembles: Ensembles = "mean"
    miss: float = Field(gt=0, lt=1)
    temperature: float | None = None
    observations: dict[str, OperatingPoint]
    protocol: dict[str, Any] = Field(default_factory=dict)


def write_operating_points(folder: Path, decisions: OperatingPoints) -> Path:
    """Writes `decisions` into a model folder, in place of older ones; returns the file.

    Raises:
        ModelError: not a model folder.
        DataError: cannot be written.
    """
    if not (folder / "config.json").is_file():
        raise ModelError(f"{folder}: not a model folder (no config.json), so decisions have no place there")
    write_json(decisions.model_dump(mode="json"), folder / DECISIONS_FILE)
    return folder / DECISIONS_FILE


def read_operating_points(folder: Path, model_fingerprint: str) -> OperatingPoints | None:
    """The decisions in a model folder, or `None` where it has none.

    Raises:
        ModelError: damaged, of another format version, or made for other weights.
    """
    path = folder / DECISIONS_FILE
    if not path.is_file():
        return None
    again = "evaluate with save_decisions=true again"
    try:
        raw = read_json(path)
    except DataError as error:
        raise ModelError(f"{error}; {again}") from None
    version = raw.get("format_version") if isinstance(raw, dict) else None
    if version != FORMAT_VERSION:
        raise ModelError(f"{path}: format {version}, this version reads {FORMAT_VERSION}; {again}")
    try:
        found = build(OperatingPoints, raw, str(path))
    except ConfigError as error:
        raise ModelError(f"{error}; {again}") from None
    if found.model_fingerprint != model_fingerprint:
        raise ModelError(
            f"{path}: was made for other weights ({found.model_fingerprint}, here {model_fingerprint}); "
            f"{again}, or delete it"
        )
    return found
