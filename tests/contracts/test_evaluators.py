"""Every evaluator keeps its contract: directions of what it measures, a record for each item, scores."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from typing import Any

import pytest
import torch

from plainfilm import plugins
from plainfilm.batches.targets.base import target
from plainfilm.config import Settings
from plainfilm.errors import ConfigError
from plainfilm.evaluators.base import Evaluator, EvaluatorContext, evaluator, evaluator_config, provider
from plainfilm.objectives.base import Encoded
from plainfilm.training.step import cut
from tests.toys import (
    OBSERVATIONS,
    toy_batch,
    toy_classifier,
    toy_model,
    toy_report_tokenizer,
    toy_study_encoder,
)

NAMES = plugins.names("evaluator")
CONTEXT = EvaluatorContext({"report": toy_report_tokenizer()}, OBSERVATIONS)
_MODELS = {"labels": toy_classifier, "report": toy_study_encoder}
"""What a model that an evaluator measures is, by the target that it reads."""


def _built(name: str) -> tuple[Evaluator, dict[str, str]]:
    module, settings = evaluator_config({"use": name})
    return module.build(settings, CONTEXT), module.metrics(settings)


def _slices(name: str, size: int) -> list[Encoded]:
    """Two batches of what it reads in slices, encoded by a model that has what it asks for."""
    needs = evaluator(name).NEEDS
    model = next((make for target, make in _MODELS.items() if target in needs), toy_model)().eval()
    batches = [toy_batch(12, seed, targets=needs) for seed in (0, 1)]
    batches[1] = replace(batches[1], keys=batches[1].keys.each(lambda values: values + 1))
    return [Encoded(model, part) for batch in batches for part in cut(batch, size)]


def _records(name: str, size: int) -> list[Any]:
    with torch.no_grad():
        found = [_built(name)[0].records(encoded) for encoded in _slices(name, size)]
    assert [len(one) for one in found] == [len(encoded.batch) for encoded in _slices(name, size)]
    return [record for one in found for record in one]


@pytest.mark.parametrize("name", NAMES)
def test_the_module_offers_the_names(name: str) -> None:
    module = evaluator(name)
    assert issubclass(module.Config, Settings)
    assert all(hasattr(target(one), "open_target") for one in module.NEEDS)
    _, directions = _built(name)
    assert directions
    assert set(directions.values()) <= {"higher", "lower"}


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_setting_is_one_line(name: str) -> None:
    with pytest.raises(ConfigError, match="validation.evaluators: unknown key 'colour'"):
        evaluator_config({"use": name, "colour": "blue"})


@pytest.mark.parametrize("name", NAMES)
def test_it_scores_what_it_says_it_measures(name: str) -> None:
    built, directions = _built(name)
    scores = built.scores(_records(name, 12))
    assert scores.keys() == directions.keys()
    assert all(isinstance(value, float) and math.isfinite(value) for value in scores.values())


@pytest.mark.parametrize("name", NAMES)
def test_slices_and_the_way_between_processes_change_nothing(name: str) -> None:
    built, _ = _built(name)
    cut_up = pickle.loads(pickle.dumps(_records(name, 5)))
    assert built.scores(cut_up) == pytest.approx(built.scores(_records(name, 12)), abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_nothing_to_measure_is_no_score(name: str) -> None:
    assert _built(name)[0].scores([]) == {}


@pytest.mark.parametrize("name", NAMES)
def test_what_it_provides_by_metric_it_measures(name: str) -> None:
    _, directions = _built(name)
    if not hasattr(evaluator(name), "provides"):
        return
    for metric in directions:
        found = provider(metric, [])
        assert found is not None
        assert found["use"] == name
        module, settings = evaluator_config(found)
        assert metric in module.metrics(settings)
    assert evaluator(name).provides("loss", []) is None
