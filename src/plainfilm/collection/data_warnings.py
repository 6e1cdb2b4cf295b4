"""Warnings about a collection for manual review before it is trusted or shared, other than leaks."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from plainfilm.collection.collection import Collection
from plainfilm.collection.duplicates import EXAMPLES, Entry
from plainfilm.collection.study_texts import rows_by_study
from plainfilm.text.privacy import find_identifiers

_LICENCES = Path(__file__).with_name("licences.yaml")


def warnings_of(collection: Collection) -> Iterator[Entry]:
    """An entry for each kind of warning: missing parts, flagged images, odd boxes, licences, identifiers."""
    studies = collection.frame("studies", ["study_id", "patient_id"])
    images = collection.frame("images", ["image_id", "study_id", "view", "flags", "licence"])
    yield from _missing(collection, studies, images)
    yield from _rejected(collection)
    yield from _flagged(collection, images)
    yield from _licences_of(collection, images)
    yield from _identifiers(collection)


def _missing(collection: Collection, studies: pd.DataFrame, images: pd.DataFrame) -> Iterator[Entry]:
    with_image = studies["study_id"].isin(images["study_id"])
    with_report = studies["study_id"].isin(collection.frame("sections", ["study_id"])["study_id"])
    yield from _entry(collection, "no report", "studies without report", studies[~with_report]["study_id"])
    yield from _entry(collection, "no image", "studies without image", studies[~with_image]["study_id"])
    own = studies[studies["study_id"] == studies["patient_id"]]["study_id"]
    message = "studies of unknown patients: splits by patient cannot be checked for them"
    yield from _entry(collection, "patient unknown", message, own)
    unknown = images[images["view"] == "unknown"]["image_id"]
    yield from _entry(collection, "view unknown", "images of unknown view", unknown)


def _rejected(collection: Collection) -> Iterator[Entry]:
    rejected = collection.frame("rejected")
    yield from _entry(collection, "rejected", "rows of the table `rejected`", rejected["path"])
    boxes = rejected[rejected["reason"].str.startswith("box ")]
    message = "boxes that are inverted, empty, or outside their image: left out"
    yield from _entry(collection, "box", message, boxes["path"])


def _flagged(collection: Collection, images: pd.DataFrame) -> Iterator[Entry]:
    flagged = images[images["flags"].notna()][["image_id", "flags"]]
    single = flagged.assign(flag=flagged["flags"].str.split("; ")).explode("flag")
    for flag, rows in single.groupby("flag"):
        kind = "view" if str(flag).startswith("looks ") else "flag"
        for entry in _entry(collection, kind, f"images: {flag}", rows["image_id"]):
            yield entry | {"images": [[collection.name, image] for image in entry["ids"]]}


def _licences_of(collection: Collection, images: pd.DataFrame) -> Iterator[Entry]:
    stated = images[images["licence"].notna()]
    for licence, rows in stated.groupby("licence"):
        forbidden = what_licence_forbids(str(licence))
        if forbidden:
            message = f"images under '{licence}', which forbids {forbidden}"
            yield from _entry(collection, "licence", message, rows["image_id"])


def what_licence_forbids(licence: str) -> str | None:
    """The restriction of a licence that matters when images are passed on, or `None`.

    >>> what_licence_forbids("CC-BY-NC-SA-4.0"), what_licence_forbids("CC0-1.0")
    ('commercial use', None)
    """
    return next((forbids for pattern, forbids in _terms() if pattern.search(licence)), None)


@functools.cache
def _terms() -> list[tuple[re.Pattern[str], str]]:
    entries = yaml.safe_load(_LICENCES.read_text(encoding="utf-8"))
    return [(re.compile(entry["pattern"], re.IGNORECASE), entry["forbids"]) for entry in entries]


def _identifiers(collection: Collection) -> Iterator[Entry]:
    """Kinds of likely personal data in reports; the text itself is not repeated."""
    studies_by_kind: dict[str, list[str]] = {}
    for study, sections in rows_by_study(collection, "sections"):
        for section in sections:
            for kind in sorted({span.kind for span in find_identifiers(section["text"])}):
                studies_by_kind.setdefault(kind, []).append(study)
    for kind, studies in sorted(studies_by_kind.items()):
        message = f"report sections with what looks like a {kind}"
        yield from _entry(collection, "identifier", message, pd.Series(studies))


def _entry(collection: Collection, kind: str, message: str, ids: pd.Series) -> Iterator[dict[str, Any]]:
    if len(ids):
        yield {
            "kind": kind,
            "collection": collection.name,
            "message": f"{len(ids)} {message}",
            "n": len(ids),
            "ids": ids.head(EXAMPLES).tolist(),
        }
