"""Summarizes a collection in numbers (the JSON document of `plainfilm info`)."""

from __future__ import annotations

from typing import Any

import pandas as pd

from plainfilm.collection.collection import Collection
from plainfilm.collection.labels import count_states
from plainfilm.collection.schema import TABLES


def info(collection: Collection) -> dict[str, Any]:
    """Counts of everything; `splits`, `views` and `licences` count images.

    `labels` counts, for each observation and state, the studies and images with that state in their own
    labels of any origin; `origins` counts label rows, including those of sentences.
    """
    rows = {name: len(collection.table(name)) for name in TABLES}
    studies, images = collection.frame("studies"), collection.frame("images")
    split = images["study_id"].map(studies.set_index("study_id")["split"])
    return {
        "name": collection.name,
        "images": rows["images"],
        "studies": rows["studies"],
        "patients": int(studies["patient_id"].nunique()),
        "reports": int(collection.frame("sections")["study_id"].nunique()),
        "sentences": rows["sentences"],
        "rejected": rows["rejected"],
        "splits": _counts(split),
        "studies_by_split": _counts(studies["split"]),
        "views": _counts(images["view"]),
        "labels": count_states(collection),
        "origins": _counts(collection.table("labels")["origin"].to_pandas()),
        "boxes": _counts(collection.frame("boxes")["name"]),
        "licences": _counts(images["licence"].fillna("not stated")),
        "image_size": collection.meta["image_size"],
        "fingerprint": collection.fingerprint,
    }


def _counts(values: pd.Series) -> dict[str, int]:
    """The count of each value, the most frequent first, ties by name."""
    counts = values.value_counts()
    return {
        str(name): int(counts[name]) for name in sorted(counts.index, key=lambda name: (-counts[name], name))
    }
