"""Communication between processes: gathers rows into the whole batch, sums gradients.

Without `torch.distributed`, everything works as in a world of one process. Gathering is deliberately not
differentiable: the training step takes gradients at the gathered features and returns each process its rows.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import torch
import torch.distributed as dist
from accelerate import Accelerator
from accelerate.utils import InitProcessGroupKwargs
from torch import Tensor

from plainfilm.io.locks import writing

_BUCKET_ELEMENTS = 8 * 2**20


def rank() -> int:
    """The rank of this process; 0 without other processes."""
    return dist.get_rank() if _together() else 0


def world_size() -> int:
    """The number of processes; 1 without other processes."""
    return dist.get_world_size() if _together() else 1


_RANKS = ("RANK", "PMI_RANK", "OMPI_COMM_WORLD_RANK", "MV2_COMM_WORLD_RANK")
"""What torchrun and MPI call the rank of a process that has not joined the others yet."""


def writing_together(folder: Path) -> AbstractContextManager[None]:
    """The lock of `folder` (`io.locks.writing`) for all processes of a run: the first one holds it."""
    started_as = next((os.environ[name] for name in _RANKS if name in os.environ), "0")
    is_first = rank() == 0 if _together() else started_as == "0"
    return writing(folder) if is_first else nullcontext()


def accelerator_for(**options: Any) -> Accelerator:
    """What joins this process with the others that were started with it; `options` of Accelerate."""
    # Precision is ours (`machine.autocast`): Accelerate keeps one per process for good. The others wait while
    # one decodes the films, which takes hours for the largest corpora.
    waiting = InitProcessGroupKwargs(timeout=timedelta(days=1))
    on_processor = not torch.cuda.is_available()
    return Accelerator(cpu=on_processor, mixed_precision="no", kwargs_handlers=[waiting], **options)


def _together() -> bool:
    return dist.is_available() and dist.is_initialized()


@dataclass(frozen=True)
class Gathering:
    """Brings the rows of all processes into one batch, in row order.

    counts: number of rows of each process. order: (B,) position of each row of the whole batch in the
    concatenated rows of the processes. mine: (b,) positions of this process's rows in the whole batch.
    """

    counts: tuple[int, ...]
    order: Tensor
    mine: Tensor

    @classmethod
    def of(cls, rows: Tensor) -> Self:
        """The gathering for processes that hold the rows numbered `rows` (b,) int64; b may differ."""
        if world_size() == 1:
            here = torch.arange(len(rows), device=rows.device)
            return cls((len(rows),), here, here)
        own_count = torch.tensor([len(rows)], device=rows.device)
        received = [torch.zeros_like(own_count) for _ in range(world_size())]
        dist.all_gather(received, own_count)
        counts = tuple(int(count) for count in received)
        order = _collect(rows, counts).argsort(stable=True)
        place = torch.empty_like(order)
        place[order] = torch.arange(len(order), device=rows.device)
        start = sum(counts[: rank()])
        return cls(counts, order, place[start : start + len(rows)])

    def all_gather_rows(self, own: Tensor) -> Tensor:
        """Rows of all processes (B, ...) from this process's rows (b, ...), detached, in row order."""
        if world_size() == 1:
            return own.detach()
        if 0 in own.shape[1:]:  # rows without elements, which some backends cannot gather
            return own.new_zeros((sum(self.counts), *own.shape[1:]))
        return _collect(own.detach(), self.counts)[self.order]

    def all_gather_by_name(self, own: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
        """`all_gather_rows` of each entry; a process without rows gets names and shapes from the others."""
        if 0 in self.counts and world_size() > 1:
            described = _described_by_others(own)
            own = own or _empty(described, device)
        return {name: self.all_gather_rows(own[name]) for name in sorted(own)}


def _collect(own: Tensor, counts: Sequence[int]) -> Tensor:
    padded = own.new_zeros((max(counts), *own.shape[1:]))
    padded[: len(own)] = own
    received = [torch.empty_like(padded) for _ in counts]
    dist.all_gather(received, padded)
    return torch.cat([part[:count] for part, count in zip(received, counts, strict=True)])


def _described_by_others(own: dict[str, Tensor]) -> dict[str, Any]:
    known: dict[str, Any] = {name: (value.shape[1:], value.dtype) for name, value in own.items()}
    everyone: list[dict[str, Any]] = [{} for _ in range(world_size())]
    dist.all_gather_object(everyone, known)
    return next((entry for entry in everyone if entry), {})


def _empty(described: dict[str, Any], device: torch.device) -> dict[str, Tensor]:
    return {
        name: torch.zeros((0, *shape), dtype=dtype, device=device)
        for name, (shape, dtype) in described.items()
    }


def add_up(values: dict[str, Tensor]) -> dict[str, Tensor]:
    """Sum scalars over processes, by name."""
    if world_size() == 1 or not values:
        return values
    names = sorted(values)
    flat = torch.stack([values[name].detach().double() for name in names])
    dist.all_reduce(flat)
    return {name: part.to(values[name].dtype) for name, part in zip(names, flat, strict=True)}


def gather_records(own: list[Any]) -> list[Any]:
    """The concatenated lists of all processes, on every process."""
    if world_size() == 1:
        return own
    received: list[list[Any]] = [[] for _ in range(world_size())]
    dist.all_gather_object(received, own)
    return [record for part in received for record in part]


def add_up_gradients(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Replace every `.grad` by its sum over processes, in flat buckets; all processes get the same bits.

    A parameter without a gradient on every process keeps none, so that optimizers treat it the same for any
    number of processes.
    """
    if world_size() == 1 or not parameters:
        return
    present = torch.tensor([p.grad is not None for p in parameters], dtype=torch.int32)
    present = present.to(parameters[0].device)
    dist.all_reduce(present, op=dist.ReduceOp.MAX)
    used = [p for p, flag in zip(parameters, present.tolist(), strict=True) if flag]
    for parameter in used:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    for bucket in _buckets([p.grad for p in used if p.grad is not None]):
        flat = torch.cat([gradient.reshape(-1) for gradient in bucket])
        dist.all_reduce(flat)
        parts = torch.split(flat, [gradient.numel() for gradient in bucket])
        for gradient, part in zip(bucket, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


def _buckets(gradients: Sequence[Tensor]) -> list[list[Tensor]]:
    buckets: list[list[Tensor]] = []
    size = 0
    for gradient in gradients:
        full = size + gradient.numel() > _BUCKET_ELEMENTS
        if not buckets or full or buckets[-1][0].dtype != gradient.dtype:
            buckets.append([])
            size = 0
        buckets[-1].append(gradient)
        size += gradient.numel()
    return buckets
