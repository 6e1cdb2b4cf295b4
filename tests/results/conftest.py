"""Results of a real evaluation of the small world."""

from __future__ import annotations

import pytest

from plainfilm.config import build
from plainfilm.predictor import load
from plainfilm.tasks import retrieval


@pytest.fixture(scope="session")
def results(tiny_model, small_world):
    config = build(retrieval.Config, {"resamples": 100}, "task")
    return retrieval.run(load(tiny_model), [small_world], config)
