"""What the view of a film alone says: how frequent each observation is among other films of the same view.

Bedside films are of sicker patients: a model that recognises them, and sees nothing else, has scores above
chance. This is the baseline that shows by how much.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from plainfilm.collection import Collection
from plainfilm.collection.label_origins import positions
from plainfilm.tasks.film_classification.films import Films
from plainfilm.tasks.film_classification.thresholds import Floats, Mask
from plainfilm.types import View

VIEW_ONLY = "view_only"


def frequency_at_view(known: Films, views: Sequence[View], asked: Sequence[View]) -> Floats:
    """(N, C) for N films of the views `asked`, from `known` films of these `views`; of a view that no film is
    known of, the frequency among all."""
    overall = frequency(known, np.ones(len(known), dtype=bool))
    own = np.array([str(view) for view in views])
    of_view = {view: frequency(known, own == view) for view in set(own.tolist())}
    return np.stack([of_view.get(str(view), overall) for view in asked])


def frequency(films: Films, mask: Mask) -> Floats:
    """(C,) of the films of `mask`, with one of each kind added, so that no frequency is 0 or 1."""
    positive = (films.positive & films.known)[mask].sum(axis=0)
    found: Floats = (positive + 1) / (films.known[mask].sum(axis=0) + 2)
    return found


def views_of(collections: Sequence[Collection], films: Films) -> list[View]:
    """The view of every film."""
    views = np.empty(len(films), dtype=object)
    for place, collection in enumerate(collections):
        images = collection.columns("images", ["image_id", "view"])
        own = np.flatnonzero(films.frame["place"] == place)
        rows = positions(pa.array(films.frame["image_id"].iloc[own], pa.string()), images["image_id"])
        distinct = images["view"].combine_chunks().dictionary_encode()
        every = np.array([View(view) for view in distinct.dictionary.to_pylist()], dtype=object)
        views[own] = every[distinct.indices.to_numpy()[rows]]
    found: list[View] = views.tolist()
    return found
