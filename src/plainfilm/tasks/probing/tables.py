"""What a linear probe keeps of every film, and what it says of how its numbers came to be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from plainfilm.metrics.calibration import sigmoid
from plainfilm.tasks.probing.probes import Probed, Share, by_share
from plainfilm.tasks.probing.repeats import share_name
from plainfilm.tasks.prompting.films import Films


def predictions_table(
    films: Films, observations: Sequence[str], shares: Sequence[Share], probed: Sequence[Probed]
) -> pd.DataFrame:
    """One row per film and observation: the truth (missing where not known), of each share the probability in
    the mean over its repeats, and each repeat's logit."""
    count, columns = films.known.shape
    ids = {"image_id": "query_id", "study_id": "study_id", "patient_id": "patient_id"}
    table = {new: np.repeat(films.frame[old].to_numpy(dtype=str), columns) for old, new in ids.items()}
    table["observation"] = np.tile(np.array(observations, dtype=object), count)
    truth = pd.array(films.positive.ravel(), dtype="boolean")
    truth[~films.known.ravel()] = pd.NA
    values = {}
    for share, own in by_share(shares):
        chances = np.mean([sigmoid(probed[place].logits) for place in own], axis=0)
        values[f"probability_{share_name(share)}"] = chances
        values |= {
            f"logit_{share_name(share)}_repeat_{shares[place].repeat + 1}": probed[place].logits
            for place in own
        }
    columns_of_values = {name: one.astype(np.float32).ravel() for name, one in values.items()}
    return pd.DataFrame({**table, "positive": truth, **columns_of_values})


def shares_told(shares: Sequence[Share], observations: Sequence[str]) -> Mapping[str, Any]:
    """By share: patients, and per repeat the films and the positive films of each observation."""
    return {
        share_name(share): {
            "patients": shares[own[0]].patients,
            "films": [int(shares[place].kept.sum()) for place in own],
            "positives": {
                name: [shares[place].positives[column] for place in own]
                for column, name in enumerate(observations)
            },
        }
        for share, own in by_share(shares)
    }


def penalties_told(shares: Sequence[Share], probed: Sequence[Probed]) -> Mapping[str, list[float]]:
    """By share, the penalty of each repeat."""
    return {share_name(share): [probed[place].penalty for place in own] for share, own in by_share(shares)}


def thresholds_told(
    shares: Sequence[Share], probed: Sequence[Probed], observations: Sequence[str]
) -> Mapping[str, Any]:
    """By share and observation, the threshold of each repeat, as a logit."""
    return {
        share_name(share): {
            name: [thresholds[column] for place in own if (thresholds := probed[place].thresholds)]
            for column, name in enumerate(observations)
        }
        for share, own in by_share(shares)
    }
