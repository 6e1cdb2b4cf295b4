"""Run as one of two processes by `test_step.py`: steps alone first, then together, and compares.

Usage: python -m tests.training.two_processes FOLDER RANK. Process 0 writes FOLDER/found.json.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed as dist

from plainfilm.batches.batch import Batch
from plainfilm.training.activation_checkpointing import checkpoint_activations
from plainfilm.training.step import measure_step, train_step
from tests.toys import gradients, largest_difference
from tests.training.regression import batch_for, lacking, pick, toys_for

ROWS = 6
NAMES = ("infonce", "self_distillation", "cxr_clip", "classification", "sum")
SHARES = {
    "even": ([0, 1, 2], [3, 4, 5]),
    "uneven": ([0, 1, 2, 3], [4, 5]),
    "interleaved": ([0, 2, 4], [1, 3, 5]),
    "one has nothing": (list(range(ROWS)), []),
    "other padding": ([0, 1, 2], [3, 4, 5]),
    "accumulated": ([0, 1, 2, 3], [4, 5]),
    "lacking": ([0, 1, 2, 3], [4, 5]),
    "checkpointed": ([0, 1, 2, 3], [4, 5]),
}
MISSING = {"text": [0, 4, 5], "text_pair": [0, 4, 5], "labels": [0, 1, 2, 3]}
"""What "lacking" lacks: one process has no text at all, the other no label."""

Found = tuple[list[float], dict[str, torch.Tensor]]


def main(folder: Path, rank: int) -> None:
    """Every case for every objective of `NAMES`."""
    torch.set_num_threads(1)
    kinds = ("together", "accumulated", "lacking")
    alone = {f"{kind} {name}": _steps(kind, name, None) for kind in kinds for name in NAMES}
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    found = {}
    for case, share in SHARES.items():
        for name in NAMES:
            losses, grads = _steps(case, name, share[rank])
            kind = case if case in kinds else "together"
            expected_losses, expected = alone[f"{kind} {name}"]
            found[f"{case} {name}"] = {
                "loss": max(abs(a - b) for a, b in zip(losses, expected_losses, strict=True)),
                "gradient": largest_difference(grads, expected),
                "between": _between(grads),
            }
    if rank == 0:
        (folder / "found.json").write_text(json.dumps(found))
    dist.destroy_process_group()


def _steps(case: str, name: str, rows: list[int] | None) -> Found:
    """Losses and gradients of one step on this process's `rows`; the last loss is that of measuring."""
    model, built = toys_for(name)
    if case == "checkpointed":
        checkpoint_activations(model)
    batches = []
    for number in range(2 if case == "accumulated" else 1):
        batch = batch_for(name, ROWS, seed=number)
        if case == "lacking":
            batch = lacking(batch, **MISSING)
        batches.append(batch if rows is None else _share(batch, rows, trim=case == "other padding"))
    reports = train_step(model, built, batches, seed=2, step=0, sub_batch_size=2)
    losses, grads = [float(report.total) for report in reports], gradients(model, built)
    measured = measure_step(model.eval(), built.eval(), batches[0], sub_batch_size=2).report(built)
    return [*losses, float(measured.total)], grads


def _share(batch: Batch, rows: list[int], trim: bool) -> Batch:
    own = pick(batch, rows)
    if not trim:
        return own
    return replace(own, targets={name: _trimmed(one) for name, one in own.targets.items()})


def _trimmed(target: object) -> object:
    """A text target without the padding that this share does not need."""
    if not hasattr(target, "token_mask"):
        return target
    length = int(target.token_mask.sum(-1).max())
    ids, mask = target.token_ids[..., :length], target.token_mask[..., :length]
    return replace(target, token_ids=ids, token_mask=mask)


def _between(grads: dict[str, torch.Tensor]) -> float:
    flat = torch.cat([grads[name].reshape(-1) for name in sorted(grads)])
    first = flat.clone()
    dist.broadcast(first, src=0)
    difference = (flat - first).abs().max()
    dist.all_reduce(difference, op=dist.ReduceOp.MAX)
    return float(difference)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
