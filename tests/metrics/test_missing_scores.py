"""An item without a score counts nowhere: every metric is as if it were not there."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from plainfilm.metrics import calibration, classification
from plainfilm.metrics.bootstrap import PatientBootstrap
from plainfilm.seeding import generator

Metric = Callable[[np.ndarray, np.ndarray], object]


def calibration_of(scores: np.ndarray, truth: np.ndarray) -> object:
    patients = np.arange(len(scores)).astype(str)
    bootstrap = PatientBootstrap(patients, resamples=20, seed=0)
    known = np.ones((len(scores), 1), dtype=bool)
    return calibration.calibration_interval(scores[:, None], truth[:, None], known, bootstrap)[0].value


METRICS: dict[str, Metric] = {
    "auroc": classification.auroc,
    "average precision": classification.average_precision,
    "best threshold": classification.best_threshold,
    "confusion": lambda scores, truth: classification.confusion(scores, truth, 0.5),
    "brier": calibration.brier,
    "calibration error": calibration.expected_calibration_error,
    "calibration error by width": lambda s, t: calibration.expected_calibration_error(s, t, "width"),
    "calibration interval": calibration_of,
}


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("truth_of_missing", [0, 1])
def test_a_missing_score_counts_nowhere(name: str, truth_of_missing: int) -> None:
    rng = generator("missing scores")
    scores = rng.random(60)
    truth = rng.random(60) < scores
    more = np.insert(scores, [0, 30, 60], np.nan)
    told = np.insert(truth, [0, 30, 60], bool(truth_of_missing))
    whole, without = METRICS[name](more, told), METRICS[name](scores, truth)
    if isinstance(without, float):
        assert whole == pytest.approx(without, abs=1e-12)
    else:
        assert whole == without
