from __future__ import annotations

import numpy as np
import pytest

from plainfilm.metrics.concentration import (
    FEWEST,
    SAME_COSINE,
    SAME_LOGIT,
    Concentration,
    same_answers_alarm,
)
from plainfilm.seeding import generator


def unit_vectors(count: int, spread: float) -> np.ndarray:
    """Vectors around one direction, `spread` apart from it."""
    vectors = generator("concentration", count).normal(size=(count, 16)) * spread
    vectors[:, 0] += 1
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def of(*blocks: np.ndarray) -> Concentration:
    seen = Concentration("texts")
    for block in blocks:
        seen.add(block)
    return seen


def test_it_is_the_mean_over_all_pairs_in_any_blocks() -> None:
    vectors = unit_vectors(20, 0.3)
    pairs = (vectors @ vectors.T)[~np.eye(20, dtype=bool)]
    assert of(vectors).mean_cosine == pytest.approx(float(pairs.mean()), abs=1e-6)
    assert of(vectors[:3], vectors[3:]).mean_cosine == pytest.approx(float(pairs.mean()), abs=1e-6)


def test_vectors_that_are_nearly_the_same_raise_an_alarm() -> None:
    same, other = of(unit_vectors(20, 0.001)), of(unit_vectors(20, 0.05))
    assert same.alarm == (
        "all 20 texts get nearly the same vector (mean cosine 1.0000): the model cannot tell them apart, and "
        "scores say nothing"
    )
    assert other.alarm is None
    assert other.mean_cosine is not None
    assert other.mean_cosine < SAME_COSINE


def test_a_few_vectors_raise_none() -> None:
    assert of(unit_vectors(FEWEST - 1, 0)).alarm is None
    assert (of().mean_cosine, of(unit_vectors(1, 0)).mean_cosine) == (None, None)


def test_equal_keys_count_once() -> None:
    """Equal texts have equal vectors, whatever the model."""
    seen = Concentration("texts")
    for _ in range(5):
        seen.add(unit_vectors(4, 0.5), ["a", "a", "b", "b"])
    first = unit_vectors(4, 0.5)[[0, 2]]
    assert seen.mean_cosine == pytest.approx(float(first[0] @ first[1]), abs=1e-6)


def test_equal_answers_about_all_films_raise_an_alarm_and_saturated_ones_do_not() -> None:
    logits = generator("same answers").normal(size=(20, 3))
    steps = logits / logits.std(axis=0)
    same = same_answers_alarm(-30 + steps * SAME_LOGIT * 0.9)
    assert same is not None
    assert same.startswith(
        "all 20 films get nearly the same answers (standard deviation of logits at most 3.6e-03)"
    )
    assert same_answers_alarm(-30 + steps * SAME_LOGIT * 1.1) is None
    assert same_answers_alarm(np.zeros((FEWEST - 1, 3))) is None


def test_observations_without_answers_do_not_count() -> None:
    logits = np.zeros((20, 2))
    logits[:, 1] = np.nan
    assert same_answers_alarm(logits) is not None
    assert same_answers_alarm(np.full((20, 2), np.nan)) is None
