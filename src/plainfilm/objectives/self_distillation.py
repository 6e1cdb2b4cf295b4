"""TxtRayAlign's objective: InfoNCE, and agreement with a moving-average teacher.

The teacher is a moving average of the model (parameters and batch statistics), always in evaluation mode.
With its similarities A = I·Iᵀ, B = T·Tᵀ, C = I·Tᵀ of the batch, there are two forms of target:

`sinkhorn`  Q_image = S((A + B + C)/ε), Q_text = S((A + B + Cᵀ)/ε), where S repeats, `iterations` times,
            scaling the columns of exp(·) to equal sums and then its rows to sum 1 (Cuturi 2013,
            arXiv:1306.0895). The student is softmax(aX) with a scale `a` of its own.
`kl`        Q_image = softmax(s'C), Q_text = softmax(s'Cᵀ) with the teacher's scale s'. The student is
            softmax(sX) with the model's scale.

    L = InfoNCE + distillation_weight · 1/2 [ KL(Q_image ‖ student of X) + KL(Q_text ‖ student of Xᵀ) ]

The published code passes negated similarities to the transport, so that its targets favour the least similar
pairs; that is not available here. It also uses its learned log-scale as the scale: `linear` reproduces it.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable
from typing import Literal, Self

import torch
from pydantic import Field
from torch import Tensor, nn

from plainfilm.batches.batch import Batch, Keys
from plainfilm.models.base import Model
from plainfilm.objectives import infonce
from plainfilm.objectives.base import Coupled, Encoded, Features, LossReport
from plainfilm.types import Better

NEEDS = ("text",)
PATCHES = False
_LIMIT = math.log(100.0)


class Config(infonce.Config):
    """The form of the targets and the update rate of the teacher.

    `student_scale` is the function from the student's own parameter α to the scale for `sinkhorn`:
    `exponential` e^α, `linear` α itself (as published; too flat to reach the targets).
    """

    use: str = "self_distillation"
    targets: Literal["sinkhorn", "kl"] = "sinkhorn"
    epsilon: float = Field(default=0.05, gt=0)
    iterations: int = Field(default=3, ge=1)
    momentum: float = Field(default=0.999, ge=0, le=1)
    distillation_weight: float = Field(default=1.0, ge=0)
    student_scale: Literal["exponential", "linear"] = "exponential"


class SelfDistillation(Coupled):
    """InfoNCE with a moving-average teacher; the teacher is part of the saved state."""

    def __init__(self, config: Config, model: Model) -> None:
        super().__init__()
        self.config = config
        self.teacher = copy.deepcopy(model).requires_grad_(False).eval()
        if config.targets == "sinkhorn":
            self.log_student_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation mode; the teacher stays in evaluation mode."""
        super().train(mode)
        self.teacher.eval()
        return self

    def encode(self, encoded: Encoded) -> Features:
        """The student's unit vectors `images` and `texts`, (B, D) each."""
        return infonce.encode_pairs(encoded)

    def metrics(self) -> dict[str, Better]:
        """The contrastive part, the distillation part, and the accuracy of retrieving an image's own text."""
        return {"infonce": "lower", "distillation": "lower", "accuracy": "higher"}

    @torch.no_grad()
    def targets(self, batch: Batch) -> Features:
        """The teacher's unit vectors `images` and `texts`, (B, D) each."""
        return infonce.encode_pairs(Encoded(self.teacher, batch))

    def loss(self, model: nn.Module, features: Features, targets: Features, keys: Keys) -> LossReport:
        """The loss above; parts: `infonce`, `distillation`, `accuracy`, `scale`."""
        scale = infonce.reads_texts(model).scale()
        ignored = infonce.false_negative_mask(keys, self.config)
        similarity = features["images"] @ features["texts"].T
        contrast = infonce.contrastive_loss(similarity * scale, ignored)
        student = similarity * (self._student_scale() if self.config.targets == "sinkhorn" else scale)
        by_image, by_text = self._log_targets(targets)
        distance = (divergence(by_image, student) + divergence(by_text, student.T)) / 2
        parts = {"infonce": contrast.detach(), "distillation": distance.detach()}
        parts |= infonce.pair_parts(similarity, ignored, scale)
        return LossReport(contrast + self.config.distillation_weight * distance, parts)

    @torch.no_grad()
    def after_step(self, model: nn.Module) -> None:
        """Update the teacher: θ' ← m·θ' + (1 - m)·θ for parameters and for floating-point buffers."""
        infonce.limit_scale(model)
        if self.config.targets == "sinkhorn":
            self.log_student_scale.clamp_(-_LIMIT, _LIMIT)
        rate = 1.0 - self.config.momentum
        follow(self.teacher.parameters(), model.parameters(), rate)
        follow(self.teacher.buffers(), model.buffers(), rate)

    def _student_scale(self) -> Tensor:
        raw = self.log_student_scale.clamp(-_LIMIT, _LIMIT)
        return raw if self.config.student_scale == "linear" else raw.exp()

    def _log_targets(self, targets: Features) -> tuple[Tensor, Tensor]:
        images, texts = targets["images"], targets["texts"]
        cross = images @ texts.T
        if self.config.targets == "kl":
            logits = cross * infonce.reads_texts(self.teacher).scale()
            return logits.log_softmax(dim=1), logits.T.log_softmax(dim=1)
        within = images @ images.T + texts @ texts.T
        epsilon, rounds = self.config.epsilon, self.config.iterations
        return log_sinkhorn((within + cross) / epsilon, rounds), log_sinkhorn(
            (within + cross.T) / epsilon, rounds
        )


def log_sinkhorn(scores: Tensor, iterations: int) -> Tensor:
    """Logarithm of exp(`scores`) (B, B) after rounds of scaling columns to equal sums and rows to sum 1.

    Rows sum to 1 exactly, columns nearly; larger scores get more mass. The computation is in logarithms, so
    that no range of scores overflows.
    """
    for _ in range(iterations):
        scores = scores.log_softmax(dim=0)
        scores = scores.log_softmax(dim=1)
    return scores


def divergence(log_targets: Tensor, logits: Tensor) -> Tensor:
    """Mean over rows of KL(target ‖ softmax(`logits`)); both (B, B), targets as logarithms."""
    surprise = log_targets - logits.log_softmax(dim=1)
    return (log_targets.exp() * surprise).sum(dim=1).mean()


@torch.no_grad()
def follow(followers: Iterable[Tensor], leaders: Iterable[Tensor], rate: float) -> None:
    """Move each follower by `rate` of the distance to its leader; integer tensors are copied."""
    for follower, leader in zip(followers, leaders, strict=True):
        if follower.is_floating_point():
            follower.lerp_(leader, rate)
        else:
            follower.copy_(leader)


def build(config: Config, model: Model) -> SelfDistillation:
    """The objective for `model`, with a copy of the present model as its teacher."""
    infonce.reads_texts(model)
    return SelfDistillation(config, model)
