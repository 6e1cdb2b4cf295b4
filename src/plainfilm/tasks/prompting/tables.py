"""What a classification keeps of every film."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from plainfilm.tasks.prompting.deciding import Fitted, Floats, Said
from plainfilm.tasks.prompting.films import Films


def predictions_table(
    films: Films, said: Said, made: Mapping[str, Floats], fitted: Fitted | None
) -> pd.DataFrame:
    """One row per film and observation: truth (missing where not known), scores, what is made of them."""
    count, columns = films.known.shape
    ids = {"image_id": "query_id", "study_id": "study_id", "patient_id": "patient_id"}
    table = {new: np.repeat(films.frame[old].to_numpy(dtype=str), columns) for old, new in ids.items()}
    table["observation"] = np.tile(np.array(said.observations, dtype=object), count)
    truth = pd.array(films.positive.ravel(), dtype="boolean")
    truth[~films.known.ravel()] = pd.NA
    probabilities = {f"probability_{kind}": values for kind, values in made.items()}
    frame = pd.DataFrame({**table, "positive": truth})
    for name, values in {**said.kept, **probabilities}.items():
        frame[name] = np.asarray(values, dtype=np.float32).ravel()
    if fitted is None:
        return frame
    thresholds = np.array([np.nan if one is None else one for one in fitted.thresholds[said.main]])
    called = pd.array((said.margin >= thresholds).ravel(), dtype="boolean")
    called[np.tile(np.isnan(thresholds), count)] = pd.NA
    abstains = [one.abstains(said.margin[:, place]) for place, one in enumerate(fitted.bounds)]
    return frame.assign(called_positive=called, abstains=np.stack(abstains, axis=1).ravel())
