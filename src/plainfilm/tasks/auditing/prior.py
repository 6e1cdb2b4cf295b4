"""What is known of films without looking at them: frequencies of observations among other films, those among
films of the same view, and where boxes usually lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from plainfilm.collection import Collection
from plainfilm.collection.boxes import agreed_boxes
from plainfilm.tasks.auditing.asking import Floats
from plainfilm.tasks.auditing.audited_films import AuditedFilms
from plainfilm.tasks.auditing.pointing import Place
from plainfilm.tasks.film_classification.films import Films
from plainfilm.tasks.film_classification.view_prior import frequency, frequency_at_view
from plainfilm.types import View

PRIOR_SPLITS = ("train", "validation")
"""The first of these that has labelled films, and is not audited, is what is known before."""


@dataclass(frozen=True)
class Prior:
    """Scores (N, C) of the audited films. frequency: of each observation among the films of `source`.
    by_view: among those of the same view."""

    frequency: Floats
    by_view: Floats
    source: str


def prior_of(audited: AuditedFilms, known: Films, views: Sequence[View], source: str) -> Prior:
    """The prior for the audited films from `known` films of these `views`, which `source` names."""
    overall = frequency(known, np.ones(len(known), dtype=bool))
    by_view = frequency_at_view(known, views, audited.views)
    return Prior(np.tile(overall, (len(audited), 1)), by_view, source)


def usual_places(collections: Sequence[Collection], split: str, names: Sequence[str]) -> dict[str, Place]:
    """By observation the centre of the mean of its boxes in a split, as fractions of the film."""
    sums: dict[str, list[Place]] = {name: [] for name in names}
    for collection in collections:
        studies = collection.frame("studies")
        wanted = set(studies.loc[studies["split"] == split, "study_id"])
        images = collection.frame("images").set_index("image_id")
        table: Any = agreed_boxes(collection).itertuples()
        for box in table:
            if (
                box.kind == "observation"
                and box.name in sums
                and images.at[box.image_id, "study_id"] in wanted
            ):
                width, height = images.loc[box.image_id, ["width", "height"]].to_numpy(dtype=np.float64)
                sums[box.name].append(((box.x0 + box.x1) / 2 / width, (box.y0 + box.y1) / 2 / height))
    means = {name: np.mean(own, axis=0) for name, own in sums.items() if own}
    return {name: (float(x), float(y)) for name, (x, y) in means.items()}
