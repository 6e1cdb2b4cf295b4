"""Whose labels an evaluation takes: those that are asked for, or those that are clear without asking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from plainfilm.collection import Collection
from plainfilm.collection.label_origins import ItemKind
from plainfilm.collection.labels import Labels
from plainfilm.progress import Progress

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor


def labels_asked(
    predictor: Predictor,
    collections: Sequence[Collection],
    kinds: Sequence[ItemKind],
    splits: Sequence[str | None],
    wanted: str | None,
    progress: Progress,
) -> Labels:
    """The labels of the origin `wanted`; else of those the model learned from, where they have labels of the
    first of `splits`; else of the only one that has. Which they are is reported.

    Raises:
        DataError: there are none, or several and none is asked for.
    """
    learned = predictor.config.training_facts
    chosen = (tuple(dict.fromkeys(splits)), wanted, learned.label_origin, learned.observations)
    labels = Labels(collections, kinds, *chosen)
    if wanted is None:
        shown = labels.origins
        same = len(set(shown.values())) == 1
        parts = [labels.origin] if same else [f"{origin} ({split})" for split, origin in shown.items()]
        progress.say(f"labels: {'; '.join(parts)}")
    return labels


def label_facts(labels: Labels) -> dict[str, Any]:
    """For the protocol: the origin of the evaluated split's labels, and by split where they differ."""
    shown = labels.origins
    by_split = {"labels_by_split": shown} if len(set(shown.values())) > 1 else {}
    return {"labels": labels.origin, **by_split}
