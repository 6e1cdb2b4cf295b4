"""What an evaluation of zero-shot classification keeps of every film."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from plainfilm.predictor import ZeroShot
from plainfilm.tasks.prompting.deciding import COMBINED, Fitted, Floats
from plainfilm.tasks.prompting.films import Films


def predictions_table(
    films: Films, found: ZeroShot, made: Mapping[str, Floats], fitted: Fitted | None
) -> pd.DataFrame:
    """One row per film and observation: truth (missing where not known), scores, what is made of them."""
    count, columns = films.known.shape
    ids = {"image_id": "query_id", "study_id": "study_id", "patient_id": "patient_id"}
    table = {new: np.repeat(films.frame[old].to_numpy(dtype=str), columns) for old, new in ids.items()}
    table["observation"] = np.tile(np.array(found.observations, dtype=object), count)
    truth = pd.array(films.positive.ravel(), dtype="boolean")
    truth[~films.known.ravel()] = pd.NA
    scores = {"positive_score": found.positive, "negative_score": found.negative}
    probabilities = {f"probability_{kind}": values for kind, values in made.items()}
    frame = pd.DataFrame({**table, "positive": truth})
    for name, values in (scores | probabilities).items():
        frame[name] = np.asarray(values, dtype=np.float32).ravel()
    if fitted is None:
        return frame
    thresholds = np.array([np.nan if one is None else one for one in fitted.thresholds[COMBINED]])
    called = pd.array((found.margin >= thresholds).ravel(), dtype="boolean")
    called[np.tile(np.isnan(thresholds), count)] = pd.NA
    abstains = [one.abstains(found.margin[:, place]) for place, one in enumerate(fitted.bounds)]
    return frame.assign(called_positive=called, abstains=np.stack(abstains, axis=1).ravel())
