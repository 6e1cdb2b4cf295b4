"""Finds problems that distort a score on a collection: leaks, duplicates, conflicting labels, missing data.

A leak is a patient or an image (the same bytes, or a resized, recompressed or brightened copy) in more than
one split of all collections together, for example an image of a benchmark inside the training data, or a
patient of the validation or test split that a model was trained on. Report
texts in several splits are listed with the duplicates, because normal reports repeat.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from numpy.typing import NDArray

from plainfilm.collection.collection import Collection
from plainfilm.collection.data_warnings import warnings_of
from plainfilm.collection.duplicates import EXAMPLES, IMAGE, REPORT, Entry, by_name, near_duplicates, repeated
from plainfilm.collection.label_agreement import label_agreement
from plainfilm.collection.leaks import seen_among
from plainfilm.collection.study_texts import rows_by_study
from plainfilm.collection.verification import damage
from plainfilm.errors import UsageError
from plainfilm.io.workers import WorkersLike
from plainfilm.progress import SILENT, Progress
from plainfilm.sources.common.person_ids import person_key
from plainfilm.text.rules import normalise
from plainfilm.types import SPLITS

_COMPARED_SECTIONS = ("findings", "impression", "findings_and_impression", "other")


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
    if len(by_name(collections)) < len(collections):
        raise UsageError("two collections have the same folder name, which must be unique; rename one")
    studies = _joined(collections, "studies", ["study_id", "split", "patient_id"])
    content = ["image_id", "study_id", "path", "sha256", "perceptual_hash"]
    images = _joined(collections, "images", content).merge(studies, on=["collection", "corpus", "study_id"])
    films = [
        *repeated(images, "sha256", IMAGE, "image_id"),
        *near_duplicates(images, by_name(collections)),
    ]
    reports = list(repeated(_report_texts(collections, studies), "digest", REPORT, "study_id"))
    return {
        "leaks": [
            *_patients_in_several_splits(studies),
            *_patients_of_models(collections, models),
            *(entry for entry in films if len(entry["splits"]) > 1),
        ],
        "duplicates": [*films, *reports],
        "conflicts": [entry for collection in collections for entry in _conflicts(collection)],
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


def _joined(collections: Sequence[Collection], table: str, columns: Sequence[str]) -> pd.DataFrame:
    frames = [
        collection.frame(table, columns).assign(collection=collection.name, corpus=collection.corpus)
        for collection in collections
    ]
    return pd.concat(frames, ignore_index=True)


def _patients_in_several_splits(studies: pd.DataFrame) -> Iterator[Entry]:
    studies = studies.assign(person=studies["patient_id"].map(person_key))
    people = studies.groupby(["corpus", "person"])
    leaked = studies[people["split"].transform("nunique") > 1]
    for _, rows in leaked.groupby(["corpus", "person"]):
        yield {
            "kind": "patient",
            "patient_id": rows["patient_id"].iloc[0],
            "splits": sorted(rows["split"].unique()),
            "collections": sorted(rows["collection"].unique()),
            "n": len(rows),
            "studies": rows["study_id"].head(EXAMPLES).tolist(),
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


def _report_texts(collections: Sequence[Collection], studies: pd.DataFrame) -> pd.DataFrame:
    """One row per study with text: the digest and number of words of its findings, impression and other
    sections, folded."""
    texts = [
        (collection.name, study, *_digest(rows))
        for collection in collections
        for study, rows in rows_by_study(collection, "sections", _COMPARED_SECTIONS)
        if rows
    ]
    frame = pd.DataFrame(texts, columns=["collection", "study_id", "digest", "words"])
    return frame.merge(studies, on=["collection", "study_id"])


def _digest(sections: Sequence[Mapping[str, str]]) -> tuple[str, int]:
    text = normalise(" ".join(section["text"] for section in sections))
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16)
    return digest.hexdigest(), len(text.split())


def _conflicts(collection: Collection) -> Iterator[Entry]:
    """Pairs of origins that label the same target positive and negative."""
    columns = ["target", "target_id", "observation", "state", "origin"]
    stated = collection.columns("labels", columns)
    labels = stated.filter(pc.not_equal(stated["target"], "sentence")).to_pandas()
    keys = ["target", "target_id", "observation"]
    positive, negative = (labels[labels["state"] == state][[*keys, "origin"]] for state in (1, 0))
    pairs = positive.merge(negative, on=keys)
    is_sorted = pairs["origin_x"] <= pairs["origin_y"]
    pairs["one"] = pairs["origin_x"].where(is_sorted, pairs["origin_y"])
    pairs["other"] = pairs["origin_y"].where(is_sorted, pairs["origin_x"])
    disputed = pairs.drop_duplicates([*keys, "one", "other"])
    for key, rows in disputed.groupby(["observation", "one", "other"]):
        observation, one, other = map(str, key)
        yield {
            "kind": "label",
            "collection": collection.name,
            "observation": observation,
            "origins": [one, other],
            "n": len(rows),
            "ids": rows["target_id"].head(EXAMPLES).tolist(),
        }
