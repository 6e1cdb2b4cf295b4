"""Chooses the labels of an evaluation: those of the named origin, or the only plausible ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from plainfilm.collection import Collection
from plainfilm.collection.label_origins import ItemKind
from plainfilm.collection.labels import Labels
from plainfilm.progress import Progress

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor


def choose_labels(
    predictor: Predictor,
    collections: Sequence[Collection],
    kinds: Sequence[ItemKind],
    splits: Sequence[str | None],
    wanted: str | None,
    progress: Progress,
) -> Labels:
    """The labels of the origin `wanted`; otherwise those of the model's training, if the collections have
    them for the first of `splits`; otherwise the only ones. A choice by default is reported.

    Raises:
        DataError: there are none, or several and `wanted` is not set.
    """
    learned = predictor.config.training_facts
    chosen = (tuple(dict.fromkeys(splits)), wanted, learned.label_origin, learned.observations)
    labels = Labels(collections, kinds, *chosen)
    if wanted is None:
        shown = labels.origins
        same = len(set(shown.values())) == 1
        parts = [labels.origin] if same else [f"{origin} ({split})" for split, origin in shown.items()]
        progress.log(f"labels: {'; '.join(parts)}")
    return labels


def label_facts(labels: Labels) -> dict[str, Any]:
    """For the protocol: the origin of the evaluated split's labels, and by split where they differ."""
    shown = labels.origins
    by_split = {"labels_by_split": shown} if len(set(shown.values())) > 1 else {}
    return {"labels": labels.origin, **by_split}
