"""Finds problems that distort a score on a collection: leaks, duplicates, conflicting labels, missing data.

A leak is a patient or an image (the same bytes, or a resized, recompressed or brightened copy) in more than
one split of all collections together, for example an image of a benchmark inside the training data, or a
patient of the validation or test split that a model was trained on. Report
texts in several splits are listed with the duplicates, because normal reports repeat.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from plainfilm.collection.collection import Collection
from plainfilm.collection.data_warnings import warnings_of
from plainfilm.collection.duplicates import EXAMPLES, Entry
from plainfilm.collection.label_agreement import label_agreement
from plainfilm.collection.label_conflicts import conflicts
from plainfilm.collection.leaks import seen_among
from plainfilm.collection.repeats import repeats
from plainfilm.collection.split_leaks import patients_in_several_splits
from plainfilm.collection.verification import damage
from plainfilm.errors import UsageError
from plainfilm.io.workers import WorkersLike
from plainfilm.progress import SILENT, Progress
from plainfilm.types import SPLITS


def audit(
    collections: Sequence[Collection],
    progress: Progress = SILENT,
    workers: WorkersLike = 1,
    models: Mapping[str, NDArray[np.int64] | None] = MappingProxyType({}),
) -> dict[str, list[Entry]]:
    """Examine collections together, every image included; return the JSON document of `plainfilm audit`.

    `workers` read the images and compare their digests; by default this process, with a thread per core.
    `models` are those that are to be evaluated on the collections: the keys of their training patients
    (`leaks.patient_keys`) by name, `None` where they are not known.

    Raises:
        UsageError: two of them have the same name.
        CollectionError: a table is damaged.
    """
    if len({one.name for one in collections}) < len(collections):
        raise UsageError("two collections have the same folder name, which must be unique; rename one")
    patients = list(patients_in_several_splits(collections))
    films, reports = repeats(collections)
    return {
        "leaks": [
            *patients,
            *_patients_of_models(collections, models),
            *(entry for entry in films if len(entry["splits"]) > 1),
        ],
        "duplicates": [*films, *reports],
        "conflicts": [entry for collection in collections for entry in conflicts(collection)],
        "agreement": [entry for collection in collections for entry in label_agreement(collection)],
        "warnings": [
            *(entry for collection in collections for entry in warnings_of(collection)),
            *(_unknown_patients(name) for name, keys in models.items() if keys is None),
        ],
        "damage": [entry for collection in collections for entry in _damage(collection, progress, workers)],
    }


def _damage(collection: Collection, progress: Progress, workers: WorkersLike) -> Iterator[Entry]:
    lines = list(damage(collection, progress, workers))
    if lines:
        yield {
            "kind": "file",
            "collection": collection.name,
            "n": len(lines),
            "message": lines[0],
            "files": lines,
        }


def _patients_of_models(
    collections: Sequence[Collection], models: Mapping[str, NDArray[np.int64] | None]
) -> Iterator[Entry]:
    """The patients outside the training splits that a model was trained on."""
    for (name, keys), collection, split in product(models.items(), collections, SPLITS[1:]):
        seen = set() if keys is None else seen_among(keys, [(collection, split)])
        if seen:
            yield {
                "kind": "patients of a model",
                "model": name,
                "splits": [split],
                "collections": [collection.name],
                "n": len(seen),
                "patients": sorted(seen)[:EXAMPLES],
            }


def _unknown_patients(model: str) -> Entry:
    message = f"{model}: does not list the patients it was trained on, so leaks cannot be looked for"
    return {"kind": "patients of a model", "model": model, "n": 1, "message": message}
