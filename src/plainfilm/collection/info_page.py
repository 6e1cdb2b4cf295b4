"""The page of a collection: its counts, views, ages, labels that occur together, splits and sample films."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.collection.collection import PACKED, Collection
from plainfilm.collection.info import info
from plainfilm.collection.label_origins import origins, preferred_origins
from plainfilm.collection.labels import LabelReader
from plainfilm.pages import film_picture, render
from plainfilm.seeding import generator
from plainfilm.types import SPLITS, State

_FILMS, _OBSERVATIONS, _REASONS = 12, 20, 12
_DECADES = range(0, 100, 10)


def info_page(collection: Collection) -> str:
    """The collection as one HTML document without outside requests.

    Raises:
        CollectionError: a table is missing or damaged.
    """
    summary = info(collection)
    names, states = _labels(collection)
    return render(
        "collection/info.html",
        title=f"Collection {collection.name}",
        summary=summary,
        splits=_splits(collection),
        ages=_ages(collection.frame("studies")["age"]),
        sexes=_sexes(collection.frame("studies")["sex"]),
        positives={name: int(count) for name, count in zip(names, (states == 1).sum(axis=0), strict=True)},
        together=_together(names, states),
        sources=origins(collection),
        reasons=_reasons(collection.frame("rejected")["reason"]),
        films=_films(collection),
    )


def _labels(collection: Collection) -> tuple[list[str], NDArray[np.int8]]:
    """The commonest observations, and the states (N, C) of studies by the labels that training prefers."""
    chosen = preferred_origins(collection, ()) or origins(collection)
    if not chosen:
        return [], np.empty((0, 0), dtype=np.int8)
    reader = LabelReader(collection, chosen)
    states = np.asarray(reader.studies())
    order = np.argsort(-(states == State.POSITIVE).sum(axis=0), kind="stable")[:_OBSERVATIONS]
    return [reader.observations[place] for place in order], states[:, order]


def _together(names: list[str], states: NDArray[np.int8]) -> list[dict[str, Any]]:
    """For each observation the shares of its studies in which each other one is positive, too."""
    positive = (states == State.POSITIVE).astype(np.int64)
    known = np.flatnonzero(positive.sum(axis=0))
    counts = positive[:, known].T @ positive[:, known]
    return [
        {"name": names[place], "shares": (own / own[row]).tolist()}
        for row, (place, own) in enumerate(zip(known, counts, strict=True))
    ]


def _splits(collection: Collection) -> dict[str, dict[str, int]]:
    """Patients, studies and films of each split."""
    studies, images = collection.frame("studies"), collection.frame("images")
    films = images["study_id"].map(studies.set_index("study_id")["split"]).value_counts()
    return {
        split: {
            "patients": int(own["patient_id"].nunique()),
            "studies": len(own),
            "films": int(films.get(split, 0)),
        }
        for split in SPLITS
        if len(own := studies[studies["split"] == split])
    }


def _ages(ages: pd.Series) -> dict[str, int]:
    known = ages.dropna()
    counts = {f"{low} to {low + 9}": int(known.between(low, low + 9.999).sum()) for low in _DECADES}
    counts["100 and over"] = int((known >= 100).sum())
    while counts and not counts[last := next(reversed(counts))]:
        del counts[last]
    return counts | ({"not stated": int(ages.isna().sum())} if ages.isna().any() else {})


def _sexes(sexes: pd.Series) -> dict[str, int]:
    names = {"F": "female", "M": "male"}
    return {names.get(str(key), str(key)): int(count) for key, count in _counted(sexes)}


def _reasons(reasons: pd.Series) -> dict[str, int]:
    """The commonest reasons of rejections, what is quoted in them left out."""
    plain = reasons.str.replace(r"'[^']*'|\d+", "…", regex=True)
    return {str(key): int(count) for key, count in _counted(plain)[:_REASONS]}


def _counted(values: pd.Series) -> list[tuple[Any, int]]:
    return list(values.fillna("not stated").value_counts().items())


def _films(collection: Collection) -> list[dict[str, Any]]:
    """Films drawn at random, the same each time; those of every view in turn."""
    if not collection.meta["pixels"] or PACKED in collection.meta:
        return []
    images = collection.frame("images")
    drawn = images.iloc[generator("sample films").permutation(len(images))]
    turn = drawn.groupby("view").cumcount()
    chosen = drawn.assign(turn=turn).sort_values("turn", kind="stable").head(_FILMS)
    return [
        {
            "name": row.image_id,
            "view": row.view,
            "picture": film_picture(collection.image_path(str(row.path))),
        }
        for row in chosen.itertuples()
    ]
