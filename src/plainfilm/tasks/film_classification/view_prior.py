"""What the view of a film alone says: how frequent each observation is among other films of the same view.

Bedside films are of sicker patients: a model that recognises them, and sees nothing else, has scores above
chance. This is the baseline that shows by how much.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plainfilm.collection import Collection
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
    known = {
        (place, image_id): View(view)
        for place, collection in enumerate(collections)
        for image_id, view in collection.frame("images")[["image_id", "view"]].to_numpy()
    }
    return [known[tuple(key)] for key in films.frame[["place", "image_id"]].to_numpy()]
