"""What is tuned on validation films for locating: sizes and overlap of boxes, scores, when nothing is found.

box_tuning.json   `BoxTuning`, beside `config.json` in a model folder

`plainfilm tune` fits it. It holds for these weights only, and every answer of `locate` follows it: scores are
computed, boxes scaled about their centres, boxes that overlap a better one of the same text left out (greedy
non-maximum suppression), and scores calibrated.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from plainfilm.config import Settings
from plainfilm.geometry import Boxes, box_iou_xyxy, clip_boxes_xyxy
from plainfilm.metrics.calibration import sigmoid
from plainfilm.predictor.fitted import read_fitted, write_fitted

FORMAT_VERSION = 1
BOX_TUNING_FILE = "box_tuning.json"

ScoreRule = Literal["own", "prompt", "both"]
"""The score of a box: the model's own, the similarity of the box with the prompt, or their product."""

Floats = NDArray[np.float64]
_LIMIT = 1e-6


class BoxTuning(Settings):
    """The tuning of a model.

    scale: the factor of the sides of boxes; `scales` by prompt (in lower case) where it differs. overlap: a
    box whose IoU with a better one exceeds it is left out; `None` keeps all. score, temperature: for prompts
    in `denials`, which holds the sentence that denies each: with "prompt", the score is sigmoid((cosine with
    the prompt - cosine with its denial) / temperature). slope, bias: the calibrated score is sigmoid(slope *
    logit(score) + bias), the probability that a film shows what is asked, for the best box of a prompt.
    threshold: from which calibrated score on a box is given; below it, nothing was found. `protocol`
    describes the films that it was fitted on.
    """

    format_version: int = FORMAT_VERSION
    model_fingerprint: str
    scale: float = Field(default=1.0, gt=0)
    scales: dict[str, float] = Field(default_factory=dict)
    overlap: float | None = Field(default=None, gt=0, le=1)
    score: ScoreRule = "own"
    temperature: float = Field(default=1.0, gt=0)
    denials: dict[str, str] = Field(default_factory=dict)
    slope: float | None = Field(default=None, ge=0)
    bias: float | None = None
    threshold: float | None = Field(default=None, ge=0, le=1)
    protocol: dict[str, Any] = Field(default_factory=dict)

    def denial(self, text: str) -> str | None:
        """The sentence that denies a prompt, where its score is compared with it."""
        return None if self.score == "own" else self.denials.get(text.lower())

    def applied(
        self, text: str, boxes_xyxy: Boxes, scores: Floats, size: tuple[int, int]
    ) -> tuple[Boxes, Floats]:
        """Boxes (K, 4), in pixels of a film of `size` (width, height), and scores (K,) of one text after
        tuning."""
        order = np.argsort(-scores, kind="stable")
        boxes = scaled(boxes_xyxy[order], self.scales.get(text.lower(), self.scale), size)
        kept = unsuppressed(boxes, self.overlap)
        return boxes[kept], self.calibrated(scores[order][kept])

    def calibrated(self, scores: Floats) -> Floats:
        """Calibrated scores, as they are without a calibration."""
        if self.slope is None or self.bias is None:
            return scores
        return sigmoid(self.slope * logit(scores) + self.bias)


def logit(scores: Floats) -> Floats:
    """log(p / (1 - p)), finite also at 0 and 1."""
    kept = np.clip(scores, _LIMIT, 1 - _LIMIT)
    odds: Floats = np.log(kept) - np.log1p(-kept)
    return odds


def prompt_score(rule: ScoreRule, own: Floats, margins: Floats, temperature: float) -> Floats:
    """Scores by `rule`, of the model's `own` and the `margins` of cosines with a prompt and its denial."""
    if rule == "own":
        return own
    by_prompt = sigmoid(margins / temperature)
    return by_prompt if rule == "prompt" else own * by_prompt


def scaled(boxes_xyxy: Boxes, factor: float, size: tuple[int, int]) -> Boxes:
    """Boxes (K, 4) with sides `factor` times as long about the same centre, cut to a film of `size`."""
    if factor == 1.0:
        return boxes_xyxy
    centre, half = (boxes_xyxy[:, :2] + boxes_xyxy[:, 2:]) / 2, (boxes_xyxy[:, 2:] - boxes_xyxy[:, :2]) / 2
    return clip_boxes_xyxy(np.concatenate([centre - factor * half, centre + factor * half], axis=1), size)


def unsuppressed(boxes_xyxy: Boxes, overlap: float | None) -> NDArray[np.int64]:
    """The places of boxes (K, 4), best first, of which none overlaps a better one by more than `overlap`."""
    if overlap is None or len(boxes_xyxy) < 2:
        return np.arange(len(boxes_xyxy))
    overlaps = box_iou_xyxy(boxes_xyxy, boxes_xyxy)
    kept: list[int] = []
    for place in range(len(boxes_xyxy)):
        if not (overlaps[place, kept] > overlap).any():
            kept.append(place)
    return np.array(kept, dtype=np.int64)


def write_box_tuning(folder: Path, tuning: BoxTuning) -> Path:
    """Write `tuning` into a model folder, replacing an earlier one; see `fitted.write_fitted` for errors."""
    return write_fitted(folder, BOX_TUNING_FILE, tuning, "the tuning of boxes")


def read_box_tuning(folder: Path, model_fingerprint: str) -> BoxTuning | None:
    """The tuning in a model folder, or `None` without any; see `fitted.read_fitted` for errors."""
    path = folder / BOX_TUNING_FILE
    if not path.exists():
        return None
    return read_fitted(path, BoxTuning, FORMAT_VERSION, model_fingerprint, "run `plainfilm tune` again")


def scales_of(chosen: Mapping[str, float], common: float) -> dict[str, float]:
    """The scales by prompt that differ from the `common` one."""
    return {prompt.lower(): scale for prompt, scale in chosen.items() if scale != common}
