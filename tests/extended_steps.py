"""Run as one of two processes by `test_extending.py`: steps alone first, then together, and compares.

Usage: python -m tests.extended_steps FOLDER RANK RECIPE..., in a folder that holds the recipes. Process 0
writes FOLDER/found.json.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import torch
import torch.distributed as dist

from plainfilm.batches.batch import Batch
from plainfilm.training.dry_run import facts_of, made_up_batch
from plainfilm.training.recipe import load_recipe
from plainfilm.training.setup import build_model, build_objective
from plainfilm.training.step import train_step
from tests.toys import gradients, largest_difference

ITEMS = 6
SHARES = (slice(0, 4), slice(4, 6))


def gradients_of(name: str, sub_batch_size: int | None = None, share: slice | None = None) -> dict:
    """The gradients of one step of the recipe `name` on made-up items, or on a share of them."""
    recipe = load_recipe(name, ["training.precision=fp32"])
    model = build_model(recipe, facts_of(recipe)).double().train()
    objective = build_objective(recipe, model).double().train()
    batch = doubled(made_up_batch(recipe, ITEMS))
    if share is not None:
        batch = batch.slice(share.start, share.stop)
    train_step(model, objective, [batch], seed=1, step=0, sub_batch_size=sub_batch_size)
    return gradients(model, objective)


def doubled(batch: Batch) -> Batch:
    """The batch with its numbers in double precision."""
    films = replace(batch.films, pixels=batch.films.pixels.double())
    return replace(batch, films=films)


def main(folder: Path, rank: int, names: list[str]) -> None:
    """Compares the gradients of all recipes."""
    torch.set_num_threads(1)
    alone = {name: gradients_of(name) for name in names}
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    found = {name: largest_difference(gradients_of(name, 2, SHARES[rank]), alone[name]) for name in names}
    if rank == 0:
        (folder / "found.json").write_text(json.dumps(found))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
