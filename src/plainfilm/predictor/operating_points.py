"""The operating points of a model: prompts, thresholds, calibration and abstention per observation.

operating_points.json   `OperatingPoints`, beside `config.json` in a model folder

`plainfilm evaluate zero_shot` (`classification` for a classifier) with `save_operating_points=true` fits them
on the validation split of collections. They hold for these weights and these prompts only, and record their
origin. Their score is the *margin*: the image's cosine with the positive ensemble minus that with the
negative one, or a classifier's logit.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from plainfilm.config import Settings
from plainfilm.predictor.fitted import read_fitted, write_fitted

FORMAT_VERSION = 1
OPERATING_POINTS_FILE = "operating_points.json"
_EARLIER_FILE = "decisions.json"
"""The name that earlier versions wrote."""

Ensembles = Literal["mean", "mean_cosine"]
"""The score of several prompts: by the unit mean of their unit vectors, or the mean of their cosines."""


class OperatingPoint(Settings):
    """The operating point of one observation.

    positive, negative: its prompts; empty for a classifier. threshold: the smallest margin that is called
    positive. slope, bias: its probability is sigmoid(slope * margin + bias). positive_from, negative_to: the
    margins from which "positive" and up to which "negative" are plausible (`metrics.conformal`); `None` means
    unbounded. Thresholds and calibration are `None` if the validation images had one class only. positives,
    negatives: numbers of images.
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
        """The calibrated probability of an image's margin."""
        if self.slope is None or self.bias is None:
            return None
        logit = self.slope * margin + self.bias
        # tanh, because exp would overflow far from 0.
        return 0.5 * (1.0 + math.tanh(logit / 2.0))

    def is_positive(self, margin: float) -> bool | None:
        """Whether a margin is called positive; `None` without a threshold."""
        return None if self.threshold is None else margin >= self.threshold

    def abstains(self, margin: float) -> bool:
        """Whether both labels or neither are plausible at this margin."""
        positive = self.positive_from is None or margin >= self.positive_from
        negative = self.negative_to is None or margin <= self.negative_to
        return positive == negative


class OperatingPoints(Settings):
    """The operating points of a model; `protocol` describes the images and labels that they were fitted on.

    miss: the largest share of each class outside its conformal sets. temperature: the best one for all
    observations together.
    """

    format_version: int = FORMAT_VERSION
    model_fingerprint: str
    ensembles: Ensembles = "mean"
    miss: float = Field(gt=0, lt=1)
    temperature: float | None = None
    observations: dict[str, OperatingPoint]
    protocol: dict[str, Any] = Field(default_factory=dict)

    @property
    def item(self) -> str:
        """What they were fitted on: every "image", or every "study" with all its images."""
        return str(self.protocol.get("item", "image"))


def write_operating_points(folder: Path, points: OperatingPoints) -> Path:
    """Write `points` into a model folder, replacing earlier ones; return the file.

    Raises:
        ModelError: not a model folder.
        DataError: the file cannot be written.
        UsageError: another process is writing there.
    """
    path = write_fitted(folder, OPERATING_POINTS_FILE, points, "operating points")
    (folder / _EARLIER_FILE).unlink(missing_ok=True)
    return path


def read_operating_points(folder: Path, model_fingerprint: str) -> OperatingPoints | None:
    """The operating points in a model folder, or `None` without any.

    Raises:
        ModelError: the file is damaged, has another format version, or was made for other weights.
    """
    files = (folder / OPERATING_POINTS_FILE, folder / _EARLIER_FILE)
    path = next((file for file in files if file.exists()), None)
    if path is None:
        return None
    again = "evaluate with save_operating_points=true again"
    return read_fitted(path, OperatingPoints, FORMAT_VERSION, model_fingerprint, again)
