"""RetrievedItems from a ranking: thresholds, margins, diversity."""

from __future__ import annotations

import numpy as np
import pytest

from plainfilm.bank.selection import SelectionConfig, answer
from plainfilm.config import build
from plainfilm.errors import ConfigError


def direction(*degrees):
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


BANK = direction(0, 1, 50, -60, 180)
QUERY = direction(0)


def indices(query=QUERY, **settings):
    answers = answer(BANK, query, SelectionConfig(**settings))
    return answers.indices[0].tolist()


def test_plain_answers_are_the_top_k():
    assert indices(k=3) == [0, 1, 2]


def test_more_than_the_bank_holds_gives_the_whole_bank():
    assert indices(k=9) == [0, 1, 2, 3, 4]


def test_items_below_the_threshold_are_left_out():
    assert indices(k=4, threshold=0.6) == [0, 1, 2, -1]


def test_a_threshold_nothing_reaches_gives_an_empty_answer():
    answers = answer(-BANK[:1], QUERY, SelectionConfig(k=2, threshold=0.5))
    assert not answers.kept.any()
    assert np.isnan(answers.scores).all()


def test_the_margin_is_measured_from_the_best():
    assert indices(k=4, margin=0.4) == [0, 1, 2, -1]
    assert answer(BANK[2:4], QUERY, SelectionConfig(k=2, margin=0.05)).kept.tolist() == [[True, False]]


def test_diversity_prefers_what_is_unlike_the_chosen():
    assert indices(direction(20), k=3) == [1, 0, 2]
    assert indices(direction(20), k=3, diversity=0.4) == [1, 2, 0]


def test_no_diversity_is_the_plain_ranking():
    assert indices(k=4, diversity=0.0) == indices(k=4)


def test_diversity_agrees_with_its_formula_on_random_vectors():
    random = np.random.default_rng(0)
    bank = random.normal(size=(40, 6)).astype(np.float32)
    bank /= np.linalg.norm(bank, axis=1, keepdims=True)
    chosen: list[int] = []
    for _ in range(5):
        gains = [
            -np.inf
            if i in chosen
            else 0.7 * bank[i] @ bank[0] - 0.3 * max((bank[i] @ bank[j] for j in chosen), default=0)
            for i in range(40)
        ]
        chosen.append(int(np.argmax(gains)))
    found = answer(bank, bank[:1], SelectionConfig(k=5, diversity=0.3))
    assert found.indices[0].tolist() == chosen


def test_diversity_respects_the_threshold():
    assert indices(direction(20), k=4, diversity=0.5, threshold=0.6) == [1, 2, 0, -1]


@pytest.mark.parametrize("settings", [{"k": 0}, {"diversity": 1.5}, {"threshold": 2.0}, {"margin": -0.1}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        build(SelectionConfig, settings, "retrieve")
