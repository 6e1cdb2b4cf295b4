"""One training step: exact gradients of the whole batch, however it is cut.

A batch may be cut into slices (memory) and spread over processes (speed), and several batches may make up
one step. `PerItem` objectives are sums over items: their counts are taken first, over the whole step, and
then each slice passes through the model once, forward and backward. A `Coupled` objective compares all rows
of a batch, so its step has three parts (gradient caching, Gao et al. 2021, arXiv:2101.06983):

    1. encode every slice, without keeping the graph if there is more than one
    2. gather the features of all processes, compute the loss and its gradient at the features
    3. encode every slice again with the same dropout and propagate the cached gradient into the encoders;
       a single slice still has the graph of part 1 and is not encoded twice

All objectives share one encoding of a slice and one backward pass. Dropout is the same in both passes
because it depends on step and row only (`nn.row_dropout`). Batch normalisation in training mode normalises
each slice of each process by itself: there the cut is part of the method, and a recipe must choose it
(`training.batch_norm`); its running statistics are updated in the last pass only, once per slice. A single
film, as a last slice may be, has no statistics of its own and is normalised by the stored ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from plainfilm.batches.batch import Batch, Keys
from plainfilm.errors import UsageError
from plainfilm.nn.row_dropout import per_row_dropout
from plainfilm.objectives.base import (
    Coupled,
    Encoded,
    Features,
    LossReport,
    ObjectiveSum,
    PerItem,
)
from plainfilm.seeding import stable_hash
from plainfilm.training.distributed import Gathering, add_up, add_up_gradients, rank

Autocast = Callable[[], AbstractContextManager]
"""Makes a new context for running encoders; losses are computed outside it, in full precision."""

Terms = dict[str, Tensor]
"""Sums or counts of the terms of a `PerItem` objective, scalars by name."""


@dataclass(frozen=True)
class EncodePass:
    """The settings for encoding one batch: model, objectives, precision, and the seed of its dropout."""

    model: nn.Module
    objective: ObjectiveSum
    autocast: Autocast
    seed: int

    @contextmanager
    def encoding(self, part: Batch) -> Iterator[Encoded]:
        """While open, a slice encoded by the model, differentiable if gradients are on."""
        alone = stored_statistics(self.model) if part.films.of.entries == 1 else nullcontext()
        with alone, per_row_dropout(self.model, self.seed, part.rows), self.autocast():
            yield Encoded(self.model, part)

    def coupled(self) -> list[tuple[int, Coupled]]:
        """The objectives that couple items, with their places."""
        return [(place, one) for place, one in enumerate(self.objective) if isinstance(one, Coupled)]

    def per_item(self) -> list[tuple[int, PerItem]]:
        """The objectives that are sums over items, with their places."""
        return [(place, one) for place, one in enumerate(self.objective) if isinstance(one, PerItem)]

    def present(self, place: int, part: Batch) -> Tensor:
        """(B,) bool: whether an item has all targets of the objective at `place`."""
        present = torch.ones(len(part), dtype=torch.bool, device=part.rows.device)
        for name in self.objective.needs[place]:
            present &= part.targets[name].present
        return present

    def features(self, encoded: Encoded) -> list[Features]:
        """The features of a slice for each coupled objective, of the items that have its targets."""
        return [self._of_present(place, encoded.batch, one.encode(encoded)) for place, one in self.coupled()]

    def targets(self, part: Batch) -> list[Features]:
        """The features of a slice that carry no gradient, of each coupled objective."""
        with torch.no_grad(), self.autocast():
            return [self._of_present(place, part, one.targets(part)) for place, one in self.coupled()]

    def _of_present(self, place: int, part: Batch, features: Features) -> Features:
        present = self.present(place, part)
        if bool(present.all()):
            return features
        return {name: value[present] for name, value in features.items()}


def train_step(
    model: nn.Module,
    objective: ObjectiveSum,
    batches: Sequence[Batch],
    *,
    seed: int,
    step: int,
    sub_batch_size: int | None = None,
    autocast: Autocast = nullcontext,
    loss_scale: float = 1.0,
) -> list[LossReport]:
    """Add the gradients of one optimizer step on `batches` (this process's rows of them) to `.grad`; return
    the loss of each whole batch, detached.

    The loss of the step is the mean over batches for coupled objectives; for the others it is the sum over
    all items divided by the counts of the whole step. Gradients are multiplied by `loss_scale`. `step` counts
    batches, so that no two have the same dropout. All processes call this together, even one without rows.
    The caller sets the mode (training or evaluation) of the model.

    Raises:
        UsageError: no batch, or `sub_batch_size` below 1.
    """
    if not batches:
        raise UsageError("a step needs at least one batch")
    share = 1.0 / len(batches)
    counts = _counts(objective, batches, share)
    reports = []
    for number, batch in enumerate(batches):
        encode_pass = EncodePass(model, objective, autocast, stable_hash(seed, "step", step + number))
        reports.append(_batch_gradients(encode_pass, batch, counts, sub_batch_size, loss_scale * share))
    add_up_gradients(_trained(model, objective))
    return reports


def _counts(objective: ObjectiveSum, batches: Sequence[Batch], share: float) -> dict[int, Terms]:
    """The divisors of the sums of each `PerItem` objective, for its loss of one batch."""
    divisors = {}
    for place, one in enumerate(objective):
        if isinstance(one, PerItem):
            counted = [one.counts(batch) for batch in batches]
            sums = {name: torch.stack([terms[name] for terms in counted]).sum() for name in counted[0]}
            divisors[place] = {name: count.clamp(min=1) * share for name, count in add_up(sums).items()}
    return divisors


def _batch_gradients(
    encode_pass: EncodePass, batch: Batch, counts: dict[int, Terms], sub_batch_size: int | None, factor: float
) -> LossReport:
    slices = cut(batch, sub_batch_size)
    coupled = encode_pass.coupled()
    if coupled and len(slices) != 1:
        return _cached_gradients(encode_pass, batch, slices, counts, factor)
    sums: list[dict[int, Terms]] = []
    reports: dict[int, LossReport] = {}
    for part in slices:
        with encode_pass.encoding(part) as encoded:
            features = encode_pass.features(encoded)
            sums.append({place: one.sums(encoded) for place, one in encode_pass.per_item()})
        gradients: list[Features] = [{} for _ in features]
        if coupled:
            reports, gradients = _loss_and_gradients(encode_pass, batch, features, slices, factor)
        _carry_back(encode_pass, features, gradients, sums[-1], counts, factor)
    return _report(encode_pass, reports, sums, counts)


def _cached_gradients(
    encode_pass: EncodePass, batch: Batch, slices: Sequence[Batch], counts: dict[int, Terms], factor: float
) -> LossReport:
    """Gradients, in two passes, of a batch of coupled items in several slices (or none)."""
    parts = []
    with torch.no_grad(), running_statistics_kept(encode_pass.model):
        for part in slices:
            with encode_pass.encoding(part) as encoded:
                parts.append(encode_pass.features(encoded))
    features = [joined(of_slices) for of_slices in zip(*parts, strict=True)] or [
        {} for _ in encode_pass.coupled()
    ]
    reports, gradients = _loss_and_gradients(encode_pass, batch, features, slices, factor)
    sums = []
    starts = [0] * len(gradients)
    for part in slices:
        with encode_pass.encoding(part) as encoded:
            slice_features = encode_pass.features(encoded)
            sums.append({place: one.sums(encoded) for place, one in encode_pass.per_item()})
        own = []
        for number, values in enumerate(slice_features):
            stop = starts[number] + (len(next(iter(values.values()))) if values else 0)
            own.append({name: value[starts[number] : stop] for name, value in gradients[number].items()})
            starts[number] = stop
        _carry_back(encode_pass, slice_features, own, sums[-1], counts, factor)
    return _report(encode_pass, reports, sums, counts)


def _loss_and_gradients(
    encode_pass: EncodePass,
    batch: Batch,
    features: Sequence[Features],
    slices: Sequence[Batch],
    factor: float,
) -> tuple[dict[int, LossReport], list[Features]]:
    """The losses of the coupled objectives by place, and their gradients at this process's features."""
    targets = [
        joined(of_slices) for of_slices in zip(*(encode_pass.targets(part) for part in slices), strict=True)
    ]
    reports, gradients = {}, []
    for number, (place, one) in enumerate(encode_pass.coupled()):
        rows, keys = _own_rows(encode_pass, place, batch)
        gathering = Gathering.of(rows)
        device = rows.device
        leaves = gathering.all_gather_by_name(features[number], device)
        leaves = {name: value.requires_grad_() for name, value in leaves.items()}
        whole_targets = gathering.all_gather_by_name(targets[number] if targets else {}, device)
        report = one.loss(encode_pass.model, leaves, whole_targets, keys.each(gathering.all_gather_rows))
        weighted = report.total * (factor * encode_pass.objective.weights[place])
        parameters = _trained(encode_pass.model, encode_pass.objective)
        loss_gradients = torch.autograd.grad(
            weighted, [*leaves.values(), *parameters], allow_unused=True, materialize_grads=False
        )
        _add_loss_gradients(parameters, loss_gradients[len(leaves) :])
        reports[place] = LossReport(report.total.detach(), report.parts)
        gradients.append(
            {
                name: (torch.zeros_like(leaf) if gradient is None else gradient)[gathering.mine]
                for (name, leaf), gradient in zip(leaves.items(), loss_gradients, strict=False)
            }
        )
    return reports, gradients


def _own_rows(encode_pass: EncodePass, place: int, batch: Batch) -> tuple[Tensor, Keys]:
    """Rows and keys of this process's items that have the targets of the objective at `place`."""
    present = encode_pass.present(place, batch)
    if bool(present.all()):
        return batch.rows, batch.keys
    return batch.rows[present], batch.keys.each(lambda values: values[present])


def _carry_back(
    encode_pass: EncodePass,
    features: Sequence[Features],
    gradients: Sequence[Features],
    sums: Mapping[int, Terms],
    counts: Mapping[int, Terms],
    factor: float,
) -> None:
    """One backward pass through a slice, for all objectives."""
    ends: list[Tensor] = []
    at_ends: list[Tensor | None] = []
    for values, at in zip(features, gradients, strict=True):
        names = [name for name, value in values.items() if value.requires_grad and name in at]
        ends += [values[name] for name in names]
        at_ends += [at[name] for name in names]
    for place, one in encode_pass.per_item():
        total = one.loss(sums[place], counts[place]).total * (factor * encode_pass.objective.weights[place])
        if total.requires_grad:
            ends.append(total)
            at_ends.append(None)
    if ends:
        torch.autograd.backward(ends, at_ends)


def _report(
    encode_pass: EncodePass,
    reports: Mapping[int, LossReport],
    sums: Sequence[Mapping[int, Terms]],
    counts: Mapping[int, Terms],
) -> LossReport:
    """The loss of a batch from its coupled objectives, and the sums of its slices for the others."""
    losses = dict(reports)
    for place, one in encode_pass.per_item():
        whole = add_up(_added(counts[place], [terms[place] for terms in sums]))
        losses[place] = one.loss(whole, counts[place])
    return encode_pass.objective.together([losses[place] for place in sorted(losses)])


def _added(like: Terms, parts: Sequence[Terms]) -> Terms:
    """The sum of the terms of slices; zeros with the names of `like` without slices."""
    if not parts:
        return {name: torch.zeros_like(value) for name, value in like.items()}
    return {name: torch.stack([terms[name].detach() for terms in parts]).sum() for name in parts[0]}


@dataclass(frozen=True)
class Measurement:
    """The terms of a batch over all processes.

    coupled: the loss and the number of items of each coupled objective, by its place. sums, counts: the terms
    of the other objectives, by place.
    """

    coupled: dict[int, tuple[LossReport, int]]
    sums: dict[int, Terms]
    counts: dict[int, Terms]

    def report(self, objective: ObjectiveSum) -> LossReport:
        """The loss of the batch."""
        losses = {place: report for place, (report, _) in self.coupled.items()}
        for place, one in enumerate(objective):
            if isinstance(one, PerItem):
                counts = {name: count.clamp(min=1) for name, count in self.counts[place].items()}
                losses[place] = one.loss(self.sums[place], counts)
        return objective.together([losses[place] for place in sorted(losses)])


@torch.no_grad()
def measure_step(
    model: nn.Module,
    objective: ObjectiveSum,
    batch: Batch,
    *,
    sub_batch_size: int | None = None,
    autocast: Autocast = nullcontext,
    watch: Callable[[Encoded], None] = lambda encoded: None,
) -> Measurement:
    """The terms of a batch over all processes, without gradients; for validation, model in eval mode.

    `watch` is called with every slice after its encoding.
    """
    encode_pass = EncodePass(model, objective, autocast, seed=0)
    slices = cut(batch, sub_batch_size)
    parts, targets, sums = [], [], []
    for part in slices:
        with encode_pass.encoding(part) as encoded:
            parts.append(encode_pass.features(encoded))
            sums.append({place: one.sums(encoded) for place, one in encode_pass.per_item()})
            watch(encoded)
        targets.append(encode_pass.targets(part))
    coupled = {}
    for number, (place, one) in enumerate(encode_pass.coupled()):
        rows, keys = _own_rows(encode_pass, place, batch)
        gathering, device = Gathering.of(rows), rows.device
        features = gathering.all_gather_by_name(joined([of_slice[number] for of_slice in parts]), device)
        wanted = gathering.all_gather_by_name(joined([of_slice[number] for of_slice in targets]), device)
        report = one.loss(model, features, wanted, keys.each(gathering.all_gather_rows))
        coupled[place] = (report, sum(gathering.counts))
    counts = {place: add_up(one.counts(batch)) for place, one in encode_pass.per_item()}
    whole = {place: add_up(_added(counts[place], [terms[place] for terms in sums])) for place in counts}
    return Measurement(coupled, whole, counts)


def cut(batch: Batch, size: int | None) -> list[Batch]:
    """`batch` in slices of `size` items, the last one shorter; an empty batch has none."""
    if size is not None and size < 1:
        raise UsageError(f"sub_batch_size is {size}: set at least 1, or none for the whole batch")
    step = size or max(len(batch), 1)
    if 0 < len(batch) <= step:
        return [batch]
    return [batch.slice(start, min(start + step, len(batch))) for start in range(0, len(batch), step)]


def joined(parts: Sequence[Features]) -> Features:
    """The concatenated features of consecutive slices."""
    names = parts[0] if parts else {}
    return {name: torch.cat([part[name] for part in parts]) for name in names}


def _add_loss_gradients(parameters: Sequence[nn.Parameter], gradients: Sequence[Tensor | None]) -> None:
    # Every process computes the same whole loss, so the gradients of its own parameters must not be summed
    # over processes: one process contributes them, and the sum brings them to the others.
    if rank() != 0:
        return
    for parameter, gradient in zip(parameters, gradients, strict=True):
        if gradient is not None:
            parameter.grad = gradient if parameter.grad is None else parameter.grad + gradient


def _trained(model: nn.Module, objective: nn.Module) -> list[nn.Parameter]:
    return [p for p in (*model.parameters(), *objective.parameters()) if p.requires_grad]


@contextmanager
def stored_statistics(model: nn.Module) -> Iterator[None]:
    """While open, batch normalisation uses its stored statistics and leaves them as they are."""
    layers = [layer for layer in model.modules() if isinstance(layer, _NormBase) and layer.training]
    for layer in layers:
        layer.eval()
    try:
        yield
    finally:
        for layer in layers:
            layer.train()


@contextmanager
def running_statistics_kept(model: nn.Module) -> Iterator[None]:
    """While open, the running statistics of batch normalisation may move; then they are what they were."""
    layers = [layer for layer in model.modules() if isinstance(layer, _NormBase) and layer.training]
    buffers = [buffer for layer in layers for buffer in layer.buffers(recurse=False)]
    kept = [buffer.clone() for buffer in buffers]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in zip(buffers, kept, strict=True):
                buffer.copy_(value)
