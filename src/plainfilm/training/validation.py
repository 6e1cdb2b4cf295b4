"""How good a model is on the validation split, the same way every time: nothing drawn, nothing dropped.

Over several processes each measures its share, and all know the whole result.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from plainfilm.batches.batch import Batch, Keys
from plainfilm.batches.loader import Loader
from plainfilm.errors import DataError
from plainfilm.metrics.retrieval import join, tie_aware_ranks
from plainfilm.nn.dual_encoder import DualEncoder
from plainfilm.nn.model import Model
from plainfilm.objectives.base import Features, LossReport, Objective
from plainfilm.training.distributed import Gathering
from plainfilm.training.machine import Machine
from plainfilm.training.step import Measurement, cut, joined, measure_step

_BLOCK = 512


@dataclass(frozen=True)
class Validator:
    """Measures `metric` ("loss", a part of the loss, a score of the objective, or "recall@K") over the
    batches of `loader`."""

    loader: Loader
    machine: Machine
    metric: str
    sub_batch_size: int | None = None

    def __call__(self, model: Model, objective: Objective) -> dict[str, float]:
        """The loss and its parts, each a mean over the items, the objective's scores and the metric; leaves
        training mode as it was.

        Raises:
            DataError: these films do not give the metric.
        """
        modes = model.training, objective.training
        model.eval()
        objective.eval()
        try:
            return self._measure(model, objective)
        finally:
            model.train(modes[0])
            objective.train(modes[1])

    def _measure(self, model: Model, objective: Objective) -> dict[str, float]:
        sums: dict[str, float] = defaultdict(float)
        count, pairs, collected = 0, _Pairs(), []
        recall_at = self._recall_at()
        for batch in self.loader.epoch(0):
            batch = self.machine.take(batch)
            size = int(_world_sum(len(batch), batch.rows.device))
            found = self._measured(model, objective, batch)
            for name, value in named(found.report).items():
                sums[name] += value * size
            count += size
            collected.append(kept(objective, found))
            if recall_at is not None and isinstance(model, DualEncoder):
                pairs.add(*self._encoded(model, batch))
        values = {name: total / count for name, total in sums.items()} | objective.score(joined(collected))
        if recall_at is not None:
            values[self.metric] = pairs.recall(recall_at)
        if self.metric not in values:
            raise DataError(
                f"validation.metric '{self.metric}' cannot be computed on the validation split (AUROC takes "
                "an observation with films of both classes): set validation.metric=loss"
            )
        return values

    def _recall_at(self) -> int | None:
        name, _, number = self.metric.partition("@")
        return int(number) if name == "recall" else None

    def _measured(self, model: Model, objective: Objective, batch: Batch) -> Measurement:
        return measure_step(
            model,
            objective,
            batch,
            sub_batch_size=self.sub_batch_size,
            autocast=self.machine.autocast,
        )

    @torch.no_grad()
    def _encoded(self, model: DualEncoder, batch: Batch) -> tuple[Tensor, Tensor, Keys]:
        gathering = Gathering.of(batch.rows)
        parts = [self._vectors(model, part) for part in cut(batch, self.sub_batch_size)]
        whole = gathering.whole_by_name(joined(parts), batch.rows.device)
        keys = Keys(gathering.whole(batch.keys.study), gathering.whole(batch.keys.text[:, 0]))
        return whole["image"], whole["text"], keys

    def _vectors(self, model: DualEncoder, part: Batch) -> Features:
        with self.machine.autocast():
            image = model.encode_images(part.images[:, 0])
            text = model.encode_texts(part.token_ids[:, 0], part.token_mask[:, 0])
        return {"image": image, "text": text}


def kept(objective: Objective, found: Measurement) -> Features:
    """What `objective.score` wants of a batch."""
    features = {**found.features, **found.targets}
    return {name: features[name].detach().cpu() for name in objective.collected}


def named(report: LossReport) -> dict[str, float]:
    """The loss and its parts by name."""
    return {"loss": report.total.item(), **{name: float(value) for name, value in report.parts.items()}}


def _world_sum(number: int, device: torch.device) -> int:
    return sum(Gathering.of(torch.arange(number, device=device)).counts)


class _Pairs:
    """Films and texts of the whole validation split, and which belong together."""

    def __init__(self) -> None:
        self._parts: list[tuple[NDArray, NDArray, NDArray, NDArray]] = []

    def add(self, images: Tensor, texts: Tensor, keys: Keys) -> None:
        """Row-wise vectors (N, D) and keys (N,)."""
        arrays = (images, texts, keys.study, keys.text)
        self._parts.append(tuple(part.cpu().numpy() for part in arrays))  # type: ignore[arg-type]

    def recall(self, k: int) -> float:
        """Share of films with a text of their study, or one that reads the same, among the `k` nearest."""
        images, texts, study, text = (np.concatenate(column) for column in zip(*self._parts, strict=True))
        found = []
        for start in range(0, len(images), _BLOCK):
            block = slice(start, start + _BLOCK)
            right = (study[block, None] == study) | (text[block, None] == text)
            found.append(tie_aware_ranks(images[block] @ texts.T, [np.flatnonzero(row) for row in right]))
        return float(join(found).recall_at(k).mean())
