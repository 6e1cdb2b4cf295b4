"""What could make a score on a collection wrong: leaks, duplicates, conflicting labels, missing things.

A leak is a patient, or a film of the very same bytes, in more than one split of the collections taken
together. The same report text in several splits is listed with the duplicates: normal reports repeat.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import pandas as pd

from plainfilm.collection.agreements import agreements
from plainfilm.collection.collection import Collection
from plainfilm.text.rules import normalise

EXAMPLES = 5
"""How many ids an entry names; its `n` is the whole number."""

Entry = dict[str, Any]


def audit(collections: Sequence[Collection]) -> dict[str, list[Entry]]:
    """Examines collections together (the JSON document of `plainfilm audit`)."""
    studies = _joined(collections, "studies")
    places = studies[["collection", "study_id", "split", "patient_id"]]
    images = _joined(collections, "images").merge(places, on=["collection", "study_id"])
    films = list(_repeated(images, "sha256", "image", "image_id"))
    reports = list(_repeated(_report_texts(collections, places), "text", "report", "study_id"))
    return {
        "leaks": [
            *_patients_in_several_splits(studies),
            *(entry for entry in films if len(entry["splits"]) > 1),
        ],
        "duplicates": [*films, *reports],
        "conflicts": [entry for collection in collections for entry in _conflicts(collection)],
        "agreement": [entry for collection in collections for entry in agreements(collection)],
        "warnings": [entry for collection in collections for entry in _warnings(collection)],
    }


def _joined(collections: Sequence[Collection], table: str) -> pd.DataFrame:
    frames = [
        collection.frame(table).assign(collection=collection.name, corpus=collection.corpus)
        for collection in collections
    ]
    return pd.concat(frames, ignore_index=True)


def _patients_in_several_splits(studies: pd.DataFrame) -> Iterator[Entry]:
    people = studies.groupby(["corpus", "patient_id"])
    leaked = studies[people["split"].transform("nunique") > 1]
    for (_, patient), rows in leaked.groupby(["corpus", "patient_id"]):
        yield {
            "kind": "patient",
            "patient_id": patient,
            "splits": sorted(rows["split"].unique()),
            "collections": sorted(rows["collection"].unique()),
            "n": len(rows),
            "studies": rows["study_id"].head(EXAMPLES).tolist(),
        }


def _report_texts(collections: Sequence[Collection], places: pd.DataFrame) -> pd.DataFrame:
    """One row per study with text: its findings, impression and other sections, folded."""
    sections = _joined(collections, "sections")
    kept = sections[sections["section"].isin(("findings", "impression", "other"))]
    texts = kept.groupby(["collection", "study_id"], sort=False)["text"].agg(" ".join).map(normalise)
    return texts.reset_index().merge(places, on=["collection", "study_id"])


def _repeated(rows: pd.DataFrame, key: str, kind: str, name: str) -> Iterator[Entry]:
    """Groups of rows alike in `key`, the largest first."""
    alike = rows[rows.duplicated(key, keep=False)]
    groups = sorted(alike.groupby(key, sort=False), key=lambda group: -len(group[1]))
    for value, group in groups:
        yield {
            "kind": kind,
            key: value,
            "n": len(group),
            "patients": int(group["patient_id"].nunique()),
            "splits": sorted(group["split"].unique()),
            "collections": sorted(group["collection"].unique()),
            "ids": group[name].head(EXAMPLES).tolist(),
        }


def _conflicts(collection: Collection) -> Iterator[Entry]:
    """Pairs of origins of which one says positive and the other negative of the same target."""
    labels = collection.frame("labels")
    decided = labels[labels["state"].isin((0, 1)) & (labels["target"] != "sentence")]
    keys = ["target", "target_id", "observation"]
    disputed = decided[decided.groupby(keys)["state"].transform("nunique") > 1]
    found: dict[tuple[str, str, str], list[str]] = {}
    for key, rows in disputed.groupby(keys):
        _, target_id, observation = map(str, key)
        said = sorted(zip(rows["origin"], rows["state"], strict=True))
        pairs = {(one, other) for (one, first), (other, second) in combinations(said, 2) if first != second}
        for one, other in sorted(pairs):
            found.setdefault((observation, one, other), []).append(target_id)
    for (observation, one, other), targets in sorted(found.items()):
        yield {
            "kind": "label",
            "collection": collection.name,
            "observation": observation,
            "origins": [one, other],
            "n": len(targets),
            "ids": targets[:EXAMPLES],
        }


def _warnings(collection: Collection) -> Iterator[Entry]:
    studies = collection.frame("studies")
    with_image = studies["study_id"].isin(collection.frame("images")["study_id"])
    with_report = studies["study_id"].isin(collection.frame("sections")["study_id"])
    yield from _warning(collection, "no report", "studies without report", studies[~with_report]["study_id"])
    yield from _warning(collection, "no image", "studies without image", studies[~with_image]["study_id"])
    own = studies[studies["study_id"] == studies["patient_id"]]["study_id"]
    message = "studies whose patient is not known: splits by patient cannot be checked for them"
    yield from _warning(collection, "patient unknown", message, own)
    views = collection.frame("images")
    unknown = views[views["view"] == "unknown"]["image_id"]
    yield from _warning(collection, "view unknown", "images of unknown view", unknown)
    rejected = collection.frame("rejected")
    yield from _warning(collection, "rejected", "rows of the table `rejected`", rejected["path"])


def _warning(collection: Collection, kind: str, message: str, ids: pd.Series) -> Iterator[Entry]:
    if len(ids):
        yield {
            "kind": kind,
            "collection": collection.name,
            "message": f"{len(ids)} {message}",
            "n": len(ids),
            "ids": ids.head(EXAMPLES).tolist(),
        }
