"""What every evaluation of a model must state, and what none may do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from plainfilm import __version__
from plainfilm.collection import Collection, check_patients_apart
from plainfilm.collection.leaks import check_unseen
from plainfilm.errors import nearest
from plainfilm.types import SPLITS

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor


def check_no_leak(predictor: Predictor, collections: Sequence[Collection], split: str | None) -> None:
    """Refuses to ask about patients of a training split, or those the model says it was trained on.

    With `None` all splits are asked about, so that only the model can say whom it was trained on.

    Raises:
        LeakageError: there are some.
    """
    splits = SPLITS if split is None else (split,)
    asked = [(collection, name) for collection in collections for name in splits]
    if split is not None:
        check_patients_apart([(collection, "train") for collection in collections], asked)
    if predictor.trained_patients is not None:
        check_unseen(predictor.trained_patients, asked)


def known_split(value: str) -> str:
    """`value`, if it is the name of a split.

    Raises:
        ValueError: it is not; names the nearest.
    """
    if value not in SPLITS:
        raise ValueError(f"unknown split '{value}': {nearest(value, SPLITS)}")
    return value


def views_asked(predictor: Predictor, views: Sequence[str] | None) -> tuple[str, ...] | None:
    """The views asked for, else those the model was trained on (`None`: all)."""
    chosen = views or predictor.config.training_facts.views
    return tuple(str(view) for view in chosen) if chosen else None


def identity(predictor: Predictor, collections: Sequence[Collection], resamples: int) -> dict[str, Any]:
    """The part of a protocol that says which model, films and code the numbers are of."""
    return {
        "interval": f"95 %, percentile bootstrap of {resamples} resamples of patients",
        "preprocessing": predictor.config.preprocessing.model_dump(mode="json"),
        "model_fingerprint": predictor.fingerprint,
        "collection_fingerprints": [collection.fingerprint for collection in collections],
        "training_patients_checked": predictor.trained_patients is not None,
        "versions": {"plainfilm": __version__, "torch": torch.__version__, "numpy": np.__version__},
    }
