"""Whether a film shows a finding: by its boxes first, then by the labels of the collection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plainfilm.collection import Collection
from plainfilm.collection.label_origins import origins
from plainfilm.collection.labels import LabelReader
from plainfilm.metrics.findings import NOT_MENTIONED
from plainfilm.tasks.locating.films import BoxedFilms
from plainfilm.types import State

Mask = NDArray[np.bool_]


def known_presence(
    collections: Sequence[Collection], films: BoxedFilms, classes: Sequence[str], boxed: Mask
) -> tuple[Mask, Mask]:
    """Whether N films show each class, and whether that is known, both (N, C).

    A film with a box (`boxed`, (N, C)) shows it. One without does not, unless its labels affirm it or leave
    it open; a film may have labels of several origins, of which those that label most films count
    (`collection.labels`).
    """
    states = np.full(boxed.shape, NOT_MENTIONED, dtype=np.int8)
    for place, collection in enumerate(collections):
        names = list(origins(collection))
        own = np.flatnonzero((films.frame["place"] == place).to_numpy())
        if not names or not len(own):
            continue
        reader = LabelReader(collection, names, observations=classes)
        rows = {name: row for row, name in enumerate(collection.table("images")["image_id"].to_pylist())}
        places = np.array([rows[name] for name in films.frame["image_id"].iloc[own]], dtype=np.int64)
        columns = [list(classes).index(name) for name in reader.observations]
        states[np.ix_(own, np.array(columns, dtype=np.int64))] = reader.images(places)
    open_ = np.isin(states, (State.POSITIVE, State.UNCERTAIN))
    return boxed, boxed | ~open_
