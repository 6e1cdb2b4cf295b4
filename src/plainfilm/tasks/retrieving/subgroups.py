"""The same scores for women and men, young and old, view by view, where these are known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.collection import Collection
from plainfilm.types import View

LEAST = 10
"""Subgroups of fewer queries are not scored: their intervals would say nothing."""
AGES = (0, 18, 40, 60, 80, np.inf)
AGE_NAMES = ("0-17", "18-39", "40-59", "60-79", "80 or more")


def facts_of(
    collections: Sequence[Collection], studies: Sequence[str], films: Sequence[str] | None
) -> pd.DataFrame:
    """What is known of Q queries: `sex`, `age` (a band) and, for films, `view`; missing where it is not.

    studies, films: (Q,) ids, each after the place of its collection and a slash ("0/s1").
    """
    known = _by_key(collections, "studies", "study_id").loc[list(studies)]
    facts = pd.DataFrame({"sex": known["sex"].to_numpy(dtype=object)})
    bands = pd.cut(known["age"].astype(float), AGES, right=False, labels=AGE_NAMES)
    facts["age"] = bands.to_numpy(dtype=object)
    if films is not None:
        views = _by_key(collections, "images", "image_id").loc[list(films), "view"]
        facts["view"] = views.where(views != str(View.UNKNOWN)).to_numpy(dtype=object)
    return facts


def _by_key(collections: Sequence[Collection], table: str, column: str) -> pd.DataFrame:
    frames = [collection.frame(table) for collection in collections]
    keyed = [frame.set_index(f"{place}/" + frame[column]) for place, frame in enumerate(frames)]
    return pd.concat(keyed)


def subgroups(facts: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Name → which queries; only columns that tell at least two subgroups of some size apart."""
    found: dict[str, NDArray[np.bool_]] = {}
    for column in facts.columns:
        counts = facts[column].value_counts()
        values = sorted(str(value) for value, count in counts.items() if count >= LEAST)
        if len(values) > 1:
            found |= {f"{column} {value}": (facts[column] == value).to_numpy() for value in values}
    return found
