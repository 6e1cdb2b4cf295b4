"""Run as one of two processes by `test_step.py`: steps alone first, then together, and compares.

Usage: python -m tests.training.two_processes FOLDER RANK. Process 0 writes FOLDER/found.json.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch
import torch.distributed as dist

from plainfilm.batches.batch import Batch, Keys
from plainfilm.objectives.base import objective
from plainfilm.training.step import train_step
from tests.toys import gradients, largest_difference, toy_batch, toy_model_for

ROWS = 6
NAMES = ("infonce", "self_distillation", "cxr_clip", "classification")
SHARES = {
    "even": ([0, 1, 2], [3, 4, 5]),
    "uneven": ([0, 1, 2, 3], [4, 5]),
    "interleaved": ([0, 2, 4], [1, 3, 5]),
    "one has nothing": (list(range(ROWS)), []),
    "other padding": ([0, 1, 2], [3, 4, 5]),
    "accumulated": ([0, 1, 2, 3], [4, 5]),
}


def main(folder: Path, rank: int) -> None:
    """Every case for every objective of `NAMES`."""
    torch.set_num_threads(1)
    kinds = ("together", "accumulated")
    alone = {f"{kind} {name}": _steps(kind, name, None) for kind in kinds for name in NAMES}
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    found = {}
    for case, share in SHARES.items():
        for name in NAMES:
            loss, grads = _steps(case, name, share[rank])
            kind = case if case == "accumulated" else "together"
            expected_loss, expected = alone[f"{kind} {name}"]
            found[f"{case} {name}"] = {
                "loss": abs(loss - expected_loss),
                "gradient": largest_difference(grads, expected),
                "between": _between(grads),
            }
    if rank == 0:
        (folder / "found.json").write_text(json.dumps(found))
    dist.destroy_process_group()


def _steps(case: str, name: str, rows: list[int] | None) -> tuple[float, dict[str, torch.Tensor]]:
    model = toy_model_for(name).double()
    module = objective(name)
    built = module.build(module.Config(), model).double().train()
    count = 2 if case == "accumulated" else 1
    for step in range(count):
        batch = toy_batch(ROWS, seed=step, dtype=torch.float64, needs=module.NEEDS)
        if rows is not None:
            batch = _share(batch, rows, trim=case == "other padding")
        report = train_step(
            model,
            built,
            batch,
            seed=2,
            step=step,
            sub_batch_size=2,
            accumulation=count,
            final=step == count - 1,
        )
    return float(report.total), gradients(model, built)


def _share(batch: Batch, rows: list[int], trim: bool) -> Batch:
    own = torch.tensor(rows, dtype=torch.int64)
    length = (
        int(batch.token_mask[own].sum(-1).max())
        if trim and batch.token_mask.numel()
        else batch.token_ids.shape[-1]
    )
    return Batch(
        batch.images[own],
        batch.token_ids[own][..., :length],
        batch.token_mask[own][..., :length],
        Keys(batch.keys.study[own], batch.keys.text[own]),
        batch.rows[own],
        None if batch.labels is None else batch.labels[own],
    )


def _between(grads: dict[str, torch.Tensor]) -> float:
    flat = torch.cat([grads[name].reshape(-1) for name in sorted(grads)])
    first = flat.clone()
    dist.broadcast(first, src=0)
    difference = (flat - first).abs().max()
    dist.all_reduce(difference, op=dist.ReduceOp.MAX)
    return float(difference)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
