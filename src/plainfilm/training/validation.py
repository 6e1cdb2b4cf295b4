"""Measures a model on the validation split, without augmentation or dropout.

With several processes, each measures its share of the split, and all get the whole result.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from plainfilm.batches.batch import Batch
from plainfilm.batches.loader import Loader
from plainfilm.errors import DataError
from plainfilm.evaluators.base import Evaluator
from plainfilm.metrics.concentration import Concentration
from plainfilm.models.base import Model
from plainfilm.objectives.base import Encoded, LossReport, ObjectiveSum
from plainfilm.training.distributed import gather_records
from plainfilm.training.machine import DeviceConfig
from plainfilm.training.recipe import Recipe
from plainfilm.training.step import Measurement, measure_step
from plainfilm.types import Better


def directions(recipe: Recipe, of_objectives: Mapping[str, Better]) -> dict[str, Better]:
    """The direction of every metric that validation reports."""
    better = dict(of_objectives)
    for module, settings in recipe.evaluators():
        better |= module.metrics(settings)
    return better


@dataclass(frozen=True)
class Validator:
    """Computes the loss and the metrics of `evaluators` over the batches of `loader`; `metric`, whose
    direction is among `directions`, chooses the best model."""

    loader: Loader
    machine: DeviceConfig
    metric: str
    directions: Mapping[str, Better]
    evaluators: tuple[Evaluator, ...] = ()
    sub_batch_size: int | None = None
    _seen: dict[str, Concentration] = field(default_factory=dict)

    def __call__(self, model: Model, objective: ObjectiveSum) -> dict[str, float]:
        """The loss, its parts and every evaluator metric that can be computed; the training mode of the model
        is restored.

        Raises:
            DataError: the metric cannot be computed on these images.
        """
        modes = model.training, objective.training
        model.eval()
        objective.eval()
        try:
            return self._measure(model, objective)
        finally:
            model.train(modes[0])
            objective.train(modes[1])

    def alarms(self) -> list[str]:
        """What a person should know of the vectors of the last validation, on this process."""
        return [seen.alarm for seen in self._seen.values() if seen.alarm]

    def is_better(self, value: float, best: float) -> bool:
        """Whether the metric's `value` is better than `best`."""
        return value > best if self.directions[self.metric] == "higher" else value < best

    def _measure(self, model: Model, objective: ObjectiveSum) -> dict[str, float]:
        total = _Total()
        self._seen.clear()
        records: list[list[tuple[tuple[int, int], Any]]] = [[] for _ in self.evaluators]
        for number, batch in enumerate(self.loader.epoch(0)):
            total.add(self._measured(model, objective, batch, number, records))
        values = named(total.report(objective))
        for evaluator, own in zip(self.evaluators, records, strict=True):
            whole = sorted(gather_records(own), key=lambda record: record[0])
            values |= evaluator.scores([record for _, record in whole])
        if self.metric not in values:
            raise DataError(
                f"validation.metric '{self.metric}' cannot be computed on the validation split (AUROC needs "
                "an observation with films of both classes): set validation.metric=loss"
            )
        return values

    def _measured(
        self,
        model: Model,
        objective: ObjectiveSum,
        batch: Batch,
        number: int,
        records: list[list[tuple[tuple[int, int], Any]]],
    ) -> Measurement:
        def watch(encoded: Encoded) -> None:
            rows = encoded.batch.rows.tolist()
            for evaluator, own in zip(self.evaluators, records, strict=True):
                numbered = zip(rows, evaluator.records(encoded), strict=True)
                own += [((number, row), record) for row, record in numbered if record is not None]
            for what, vectors, keys in encoded.made_vectors():
                self._seen.setdefault(what, Concentration(what)).add(vectors.float().cpu().numpy(), keys)

        return measure_step(
            model,
            objective,
            self.machine.take(batch),
            sub_batch_size=self.sub_batch_size,
            autocast=self.machine.autocast,
            watch=watch,
        )


class _Total:
    """Totals over batches: means over items for coupled objectives, sums over counts for the others."""

    def __init__(self) -> None:
        self._items: dict[int, int] = defaultdict(int)
        self._coupled: dict[int, dict[str, float]] = {}
        self._sums: dict[int, dict[str, Tensor]] = {}
        self._counts: dict[int, dict[str, Tensor]] = {}

    def add(self, measurement: Measurement) -> None:
        """Add one batch."""
        for place, (report, items) in measurement.coupled.items():
            sums = self._coupled.setdefault(place, defaultdict(float))
            for name, value in named(report).items():
                sums[name] += value * items
            self._items[place] += items
        for own, terms in ((self._sums, measurement.sums), (self._counts, measurement.counts)):
            for place, values in terms.items():
                before = own.setdefault(place, {name: value.double() * 0 for name, value in values.items()})
                own[place] = {name: before[name] + value.double() for name, value in values.items()}

    def report(self, objective: ObjectiveSum) -> LossReport:
        """The loss of the split and its parts."""
        coupled = {}
        for place, sums in self._coupled.items():
            means = {
                name: torch.tensor(total / self._items[place], dtype=torch.float64)
                for name, total in sums.items()
            }
            coupled[place] = (LossReport(means.pop("loss"), means), self._items[place])
        return Measurement(coupled, self._sums, self._counts).report(objective)


def named(report: LossReport) -> dict[str, float]:
    """The loss and its parts by name."""
    return {"loss": report.total.item(), **{name: float(value) for name, value in report.parts.items()}}
