"""Small real models and batches for tests: seconds to build, no file, no network."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from plainfilm.batches.batch import Batch, Keys, Needs
from plainfilm.nn.classifier import Classifier, ClassifierConfig, build_classifier
from plainfilm.nn.dual_encoder import ArchitectureConfig, DualEncoder, build_dual_encoder
from plainfilm.nn.model import Model
from plainfilm.objectives.base import objective, trained_kind
from plainfilm.seeding import stable_hash

VOCABULARY, SIDE, LENGTH = 50, 32, 9
OBSERVATIONS = ("Edema", "Pneumothorax", "Effusion")

IMAGE = {"use": "timm", "name": "test_vit", "image_size": SIDE, "drop_rate": 0.2, "drop_path_rate": 0.2}
CNN = {"use": "timm", "name": "test_efficientnet", "drop_rate": 0.2}
COMPACT = {"use": "compact", "width": 4, "grid": 2, "channels": 3, "dropout": 0.2}
TEXT = {"use": "compact", "width": 16, "depth": 1, "heads": 2, "dropout": 0.2, "max_tokens": LENGTH}


def toy_architecture(**changes: Any) -> ArchitectureConfig:
    """A tiny architecture with dropout everywhere and no batch normalisation."""
    return ArchitectureConfig(**({"image": IMAGE, "text": TEXT, "projection": {"dimension": 8}} | changes))


def toy_model(seed: int = 0, **changes: Any) -> DualEncoder:
    """A tiny model in training mode, always the same for a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_dual_encoder(toy_architecture(**changes), VOCABULARY).train()


def toy_classifier(seed: int = 0, image: dict[str, Any] = IMAGE) -> Classifier:
    """A tiny classifier of `OBSERVATIONS` in training mode, always the same for a seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_classifier(ClassifierConfig(image=image, observations=OBSERVATIONS)).train()


def toy_model_for(name: str, seed: int = 0) -> Model:
    """A tiny model of the kind that the objective called `name` trains."""
    kinds = {"dual_encoder": toy_model, "classifier": toy_classifier}
    return kinds[trained_kind(objective(name))](seed)


def toy_batch(
    rows: int = 7,
    seed: int = 0,
    side: int = SIDE,
    dtype: torch.dtype = torch.float32,
    needs: Needs | None = None,
) -> Batch:
    """Random films, texts of uneven length and labels, all of different studies and wording."""
    needs = needs or Needs()
    generator = torch.Generator().manual_seed(seed)
    lengths = 3 + torch.arange(rows) % (LENGTH - 2)
    mask = torch.arange(LENGTH) < lengths[:, None]
    ids = torch.randint(5, VOCABULARY, (rows, needs.texts, LENGTH), generator=generator) * mask[:, None]
    names = torch.tensor([stable_hash(row) for row in range(rows)])
    return Batch(
        images=torch.randn(rows, needs.views, 3, side, side, generator=generator).to(dtype),
        token_ids=ids,
        token_mask=mask[:, None].expand(-1, needs.texts, -1),
        keys=Keys(study=names, text=names[:, None] ^ torch.arange(1, 1 + needs.texts)),
        rows=torch.arange(rows),
        labels=_labels(rows, generator) if needs.labels else None,
    )


def _labels(rows: int, generator: torch.Generator) -> torch.Tensor:
    """States of every kind, at least one known in each row."""
    states = torch.randint(-3, 2, (rows, len(OBSERVATIONS)), generator=generator, dtype=torch.int8)
    states[:, 0] = torch.arange(rows) % 2
    return states


def gradients(*modules: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of every gradient, by name."""
    named = [pair for module in modules for pair in module.named_parameters()]
    return {name: value.grad.clone() for name, value in named if value.grad is not None}


def largest_difference(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> float:
    """The largest absolute difference of two sets of tensors, which must have the same names."""
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first)
