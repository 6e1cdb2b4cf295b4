"""An objective of single items beside those that couple them, and batches of which something is missing."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn

from plainfilm.batches.batch import Batch
from plainfilm.nn.ragged import Ragged
from plainfilm.objectives import infonce
from plainfilm.objectives.base import Encoded, Objective, ObjectiveSum, PerItem, objective
from tests.toys import toy_batch, toy_model, toy_model_for

WEIGHTS = {"infonce": 0.7, "regression": 2.5}
BOTH = ("text", "labels")


class Regression(PerItem):
    """Reads the states of labels, as numbers, from the vectors of the films of an item added up."""

    def __init__(self, most: int | None = 1) -> None:
        super().__init__()
        self.most = most
        self.head = nn.Linear(8, 3)
        nn.init.constant_(self.head.weight, 0.3)
        nn.init.constant_(self.head.bias, 0.1)

    def weights(self) -> dict[str, float]:
        return {"squared": 1.0, "absolute": 0.5}

    def counts(self, batch: Batch) -> dict[str, torch.Tensor]:
        known = batch.targets["labels"].states >= 0
        return {"squared": known.sum(), "absolute": known[:, 0].sum()}

    def sums(self, encoded: Encoded) -> dict[str, torch.Tensor]:
        states = encoded.batch.targets["labels"].states
        vectors = encoded.image_vectors(self.most)
        of = encoded.films_of(self.most)
        added = vectors.new_zeros(len(of), vectors.shape[1]).index_add(0, of.item, vectors)
        error = (self.head(added) - states) * (states >= 0)
        return {"squared": error.square().sum(), "absolute": error[:, 0].abs().sum()}


def summed(names: tuple[str, ...] = ("infonce", "regression"), weighted: bool = True) -> ObjectiveSum:
    """The named ones of the two objectives, as their weights say, in training mode."""
    makers = {"infonce": lambda: infonce.InfoNCE(infonce.Config()), "regression": Regression}
    made: dict[str, Objective] = {name: makers[name]() for name in names}
    total = ObjectiveSum(made, WEIGHTS if weighted else dict.fromkeys(names, 1.0))
    total.needs = tuple({"infonce": ("text",), "regression": ("labels",)}[name] for name in names)
    return total.train()


def toys_for(name: str) -> tuple[nn.Module, ObjectiveSum]:
    """A model and the objective called `name` in double precision; "sum" is that of the two above."""
    if name == "sum":
        return toy_model().double(), summed().double()
    model, module = toy_model_for(name), objective(name)
    found = ObjectiveSum.of(module.build(module.Config(), model), module.NEEDS)
    return model.double(), found.double().train()


def batch_for(name: str, rows: int, seed: int = 0) -> Batch:
    """A batch that the objective called `name` reads, in double precision."""
    if name == "sum":
        return toy_batch(rows, seed, dtype=torch.float64, targets=BOTH)
    module = objective(name)
    films = getattr(module, "FILMS", "one")
    return toy_batch(rows, seed, dtype=torch.float64, targets=module.NEEDS, films=films)


def pick(batch: Batch, rows: list[int]) -> Batch:
    """Some items of a batch, which keep their numbers."""
    own, films = torch.tensor(rows, dtype=torch.int64), batch.films
    pieces = [torch.arange(*films.of.bounds(row, row + 1)) for row in rows]
    entries = torch.cat([torch.zeros(0, dtype=torch.int64), *pieces])
    kept = replace(
        films,
        pixels=films.pixels[entries],
        of=Ragged(films.of.counts[own]),
        projections=films.projections[entries],
    )
    targets = {name: one._each(lambda values: values[own]) for name, one in batch.targets.items()}
    return Batch(kept, batch.keys.each(lambda values: values[own]), batch.rows[own], targets)


def lacking(batch: Batch, **missing: list[int]) -> Batch:
    """The batch without the targets of some items: `text=[4, 5]`."""
    targets = dict(batch.targets)
    for name, rows in missing.items():
        if name in targets:
            present = targets[name].present.clone()
            present[rows] = False
            targets[name] = replace(targets[name], present=present)
    if "labels" in targets:
        unknown = torch.full_like(targets["labels"].states, -3)
        states = torch.where(targets["labels"].present[:, None], targets["labels"].states, unknown)
        targets["labels"] = replace(targets["labels"], states=states)
    return replace(batch, targets=targets)
