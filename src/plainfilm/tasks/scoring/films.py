"""What tasks about single films share: which views they look at, and the scores of parts of the films."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.collection import Collection
from plainfilm.tasks.retrieving.subgroups import facts_of, subgroups
from plainfilm.tasks.scoring.protocol import views_asked
from plainfilm.types import View

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor


def views_of_films(predictor: Predictor, views: Sequence[View] | None) -> tuple[str, ...] | None:
    """The views asked for; else those the model was trained on, and films whose view nobody states."""
    asked = views_asked(predictor, views)
    return asked if views or asked is None else tuple(dict.fromkeys([*asked, str(View.UNKNOWN)]))


def film_subgroups(collections: Sequence[Collection], frame: pd.DataFrame) -> dict[str, NDArray[np.bool_]]:
    """Name → which of N films: by sex, age and view, where these are known (see `subgroups`).

    frame: (N) place (of the collection), study_id, image_id.
    """
    place = frame["place"].astype(str)
    studies, images = (place + "/" + frame[column] for column in ("study_id", "image_id"))
    return subgroups(facts_of(collections, studies.tolist(), images.tolist()))
