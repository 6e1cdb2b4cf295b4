"""One training step: gradients of the whole batch, exact however it is cut.

The batch may be cut into sub-batches (memory) and spread over processes (speed); the loss couples all
its rows. So the step goes in three parts (gradient caching, Gao et al. 2021, arXiv:2101.06983):

    1. encode every slice; without keeping the graph when there is more than one
    2. gather the features of all processes, take the loss and its gradient at the features
    3. encode every slice again with the same dropout and carry the cached gradient into the encoders;
       with a single slice the graph of part 1 is still there and nothing is encoded twice

Dropout is the same in both passes because it depends on step and row only (`nn.row_dropout`). Batch
normalisation in training mode normalises each slice of each process on its own: there the cut is part of
the method, and a recipe must ask for it (`training.batch_norm`); its running statistics move in part 3
alone, once per slice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from plainfilm.batches.batch import Batch, Keys
from plainfilm.errors import UsageError
from plainfilm.nn.row_dropout import drawing_rows
from plainfilm.objectives.base import Features, LossReport, Objective
from plainfilm.seeding import stable_hash
from plainfilm.training.distributed import Gathering, add_up_gradients, rank

Autocast = Callable[[], AbstractContextManager]
"""Makes a fresh context in which encoders run; losses run outside it, in full precision."""


@dataclass(frozen=True)
class Pass:
    """What one batch is encoded with: model, objective, precision, and the seed of its dropout."""

    model: nn.Module
    objective: Objective
    autocast: Autocast
    seed: int

    def features(self, part: Batch) -> Features:
        """The student's features of `part`, differentiable where gradients are on."""
        with drawing_rows(self.model, self.seed, part.rows), self.autocast():
            return self.objective.encode(self.model, part)

    def targets(self, part: Batch) -> Features:
        """The features of `part` that carry no gradient."""
        with torch.no_grad(), self.autocast():
            return self.objective.targets(part)


def train_step(
    model: nn.Module,
    objective: Objective,
    batch: Batch,
    *,
    seed: int,
    step: int,
    sub_batch_size: int | None = None,
    autocast: Autocast = nullcontext,
    accumulation: int = 1,
    final: bool = True,
    loss_scale: float = 1.0,
) -> LossReport:
    """Add the gradients of `batch` (this process's rows) to `.grad`; the loss of the whole batch, detached.

    Gradients are multiplied by `loss_scale` / `accumulation`. Of the `accumulation` batches that make up
    one optimizer step only the last is `final`: there the gradients are added up over processes. `step`
    counts batches, so that no two draw the same dropout. All processes call this together, also one that
    has no rows. The model is in the mode the caller put it in.

    Raises:
        UsageError: `sub_batch_size` or `accumulation` below 1.
    """
    if accumulation < 1:
        raise UsageError(f"accumulation is {accumulation}: at least 1")
    way = Pass(model, objective, autocast, stable_hash(seed, "step", step))
    slices = cut(batch, sub_batch_size)
    features = _first_pass(way, slices)
    targets = joined([way.targets(part) for part in slices])
    gathering = Gathering.of(batch.rows)
    report, gradients = _loss_and_gradients(
        way, batch, gathering, features, targets, loss_scale / accumulation
    )
    own = {name: gradient[gathering.mine] for name, gradient in gradients.items()}
    if len(slices) == 1:
        _carry_back(features, own)
    else:
        _second_pass(way, slices, own)
    if final:
        add_up_gradients(_trained(model, objective))
    return report


@dataclass(frozen=True)
class Measurement:
    """The loss of a batch over all processes, and the features and targets of all its rows."""

    report: LossReport
    features: Features
    targets: Features


@torch.no_grad()
def measure_step(
    model: nn.Module,
    objective: Objective,
    batch: Batch,
    *,
    sub_batch_size: int | None = None,
    autocast: Autocast = nullcontext,
) -> Measurement:
    """What a batch gives over all processes, without gradients; for validation, model in eval mode."""
    way = Pass(model, objective, autocast, seed=0)
    slices = cut(batch, sub_batch_size)
    gathering = Gathering.of(batch.rows)
    device = batch.rows.device
    features = gathering.whole_by_name(joined([way.features(part) for part in slices]), device)
    targets = gathering.whole_by_name(joined([way.targets(part) for part in slices]), device)
    report = objective.loss(model, features, targets, _whole_keys(gathering, batch))
    return Measurement(report, features, targets)


def cut(batch: Batch, size: int | None) -> list[Batch]:
    """`batch` in slices of `size` items, the last one shorter; an empty batch has none."""
    if size is not None and size < 1:
        raise UsageError(f"sub_batch_size is {size}: at least 1, or none for the whole batch")
    step = size or max(len(batch), 1)
    return [batch.slice(start, min(start + step, len(batch))) for start in range(0, len(batch), step)]


def _first_pass(way: Pass, slices: Sequence[Batch]) -> Features:
    if len(slices) == 1:
        return way.features(slices[0])
    with torch.no_grad(), _running_statistics_kept(way.model):
        return joined([way.features(part) for part in slices])


def joined(parts: Sequence[Features]) -> Features:
    """The features of consecutive slices as one."""
    names = parts[0] if parts else {}
    return {name: torch.cat([part[name] for part in parts]) for name in names}


def _loss_and_gradients(
    way: Pass, batch: Batch, gathering: Gathering, features: Features, targets: Features, factor: float
) -> tuple[LossReport, Features]:
    device = batch.rows.device
    leaves = gathering.whole_by_name(features, device)
    leaves = {name: value.requires_grad_() for name, value in leaves.items()}
    whole_targets = gathering.whole_by_name(targets, device)
    report = way.objective.loss(way.model, leaves, whole_targets, _whole_keys(gathering, batch))
    parameters = _trained(way.model, way.objective)
    found = torch.autograd.grad(
        report.total * factor, [*leaves.values(), *parameters], allow_unused=True, materialize_grads=False
    )
    _add_loss_gradients(parameters, found[len(leaves) :])
    gradients = {
        name: torch.zeros_like(leaf) if gradient is None else gradient
        for (name, leaf), gradient in zip(leaves.items(), found, strict=False)
    }
    return LossReport(report.total.detach(), report.parts), gradients


def _add_loss_gradients(parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]) -> None:
    # Every process computes the same whole loss, so what its own parameters get is not to be added up
    # over processes: one process contributes it, the sum brings it to the others.
    if rank() != 0:
        return
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None:
            parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient


def _whole_keys(gathering: Gathering, batch: Batch) -> Keys:
    return batch.keys.each(gathering.whole)


def _second_pass(way: Pass, slices: Sequence[Batch], gradients: Features) -> None:
    start = 0
    for part in slices:
        stop = start + len(part)
        _carry_back(way.features(part), {name: value[start:stop] for name, value in gradients.items()})
        start = stop


def _carry_back(features: Features, gradients: Features) -> None:
    names = [name for name, value in features.items() if value.requires_grad]
    if names:
        torch.autograd.backward([features[name] for name in names], [gradients[name] for name in names])


def _trained(model: nn.Module, objective: Objective) -> list[nn.Parameter]:
    return [p for p in (*model.parameters(), *objective.parameters()) if p.requires_grad]


@contextmanager
def _running_statistics_kept(model: nn.Module) -> Iterator[None]:
    layers = [layer for layer in model.modules() if isinstance(layer, _NormBase) and layer.training]
    buffers = [buffer for layer in layers for buffer in layer.buffers(recurse=False)]
    kept = [buffer.clone() for buffer in buffers]
    try:
        yield
    finally:
        for buffer, value in zip(buffers, kept, strict=True):
            buffer.copy_(value)
