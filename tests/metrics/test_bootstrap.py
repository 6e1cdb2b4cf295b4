"""Intervals by patient: against a plain loop, the textbook, and the cases that have none."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from plainfilm.metrics import bootstrap
from plainfilm.metrics.bootstrap import PatientBootstrap, weighted_median


def mean(sums):
    return sums[:, 0] / sums[:, 1]


def counts_of(values):
    return np.stack([values, np.ones_like(values)], axis=1)


def test_the_value_is_the_plain_statistic():
    values = np.random.default_rng(0).normal(size=50)
    [interval] = PatientBootstrap(np.arange(50)).of_sums(counts_of(values), mean)
    assert interval.value == pytest.approx(values.mean())


def test_a_mean_of_independent_items_has_the_textbook_interval():
    values = np.random.default_rng(1).normal(size=400)
    [interval] = PatientBootstrap(np.arange(400), resamples=4000).of_sums(counts_of(values), mean)
    half = 1.96 * values.std(ddof=1) / np.sqrt(400)
    assert interval.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_repeating_the_films_of_every_patient_does_not_narrow_the_interval():
    values = np.random.default_rng(2).normal(size=60)
    patients = np.arange(60)
    once = PatientBootstrap(patients).of_sums(counts_of(values), mean)
    tenfold = PatientBootstrap(np.repeat(patients, 10)).of_sums(counts_of(np.repeat(values, 10)), mean)
    assert [once[0].low, once[0].high] == pytest.approx([tenfold[0].low, tenfold[0].high])


@pytest.mark.parametrize("seed", [3, 4])
def test_the_interval_is_that_of_all_resamples_there_are(seed):
    # Of 5 patients there are 5 ** 5 resamples, all equally likely: they can be written down.
    random = np.random.default_rng(seed)
    groups, values = np.repeat(np.arange(5), [3, 1, 4, 2, 5]), random.normal(size=15)
    every = [
        np.mean(np.concatenate([values[groups == patient] for patient in drawn]))
        for drawn in itertools.product(range(5), repeat=5)
    ]
    low, high = np.percentile(every, [2.5, 97.5])
    [found] = PatientBootstrap(groups, resamples=40_000).of_sums(counts_of(values), mean)
    assert [found.low, found.high] == pytest.approx([low, high], abs=0.02 * (high - low))


@pytest.mark.parametrize("patients", [2, 3, 7])
def test_a_resample_has_as_many_patients_as_there_are(patients):
    boot = PatientBootstrap(np.arange(patients), resamples=200)
    [drawn] = boot.of_weights(lambda weights: weights.sum(axis=1))
    assert (drawn.low, drawn.value, drawn.high) == (patients, patients, patients)


def test_patients_as_numbers_of_names_are_drawn_like_the_names():
    names = np.array([f"p{number}" for number in np.random.default_rng(8).integers(0, 120, 300)])
    values = counts_of(np.random.default_rng(9).normal(size=300))
    kept = values[:, 0] > 0
    for rows in (slice(None), kept):
        expected = PatientBootstrap(names[rows]).of_sums(values[rows], mean)
        for categories in (None, pd.unique(names)):
            groups = pd.Categorical(names, categories)[rows]
            assert PatientBootstrap(groups).of_sums(values[rows], mean) == expected


def test_all_items_of_a_patient_are_drawn_together():
    groups = np.array([0, 1, 1, 1, 2, 2])
    boot = PatientBootstrap(groups, resamples=200)
    [apart] = boot.of_weights(lambda weights: np.abs(weights[:, 1:3] - weights[:, [3]]).sum(axis=1))
    assert (apart.low, apart.high) == (0, 0)


def test_weights_of_items_give_the_same_as_sums():
    random = np.random.default_rng(4)
    groups, values = random.integers(0, 9, 50), random.normal(size=50)
    boot = PatientBootstrap(groups)
    [by_sums] = boot.of_sums(counts_of(values), mean)
    [by_weights] = boot.of_weights(lambda weights: weights @ values / weights.sum(axis=1))
    assert (by_sums.low, by_sums.high) == pytest.approx((by_weights.low, by_weights.high))


def test_blocks_do_not_change_the_interval(monkeypatch):
    values = np.random.default_rng(6).normal(size=30)
    whole = PatientBootstrap(np.arange(30)).of_sums(counts_of(values), mean)
    monkeypatch.setattr(bootstrap, "BLOCK_NUMBERS", 100)
    assert PatientBootstrap(np.arange(30)).of_sums(counts_of(values), mean) == whole


def test_items_in_blocks_of_patients_give_the_same_interval(monkeypatch):
    random = np.random.default_rng(6)
    groups, values = random.integers(0, 40, 300), random.normal(size=300)
    counts = counts_of(values)
    whole = PatientBootstrap(groups).of_sums(counts, mean)
    monkeypatch.setattr(bootstrap, "PATIENTS", 3)
    assert PatientBootstrap(groups).of_sums(lambda items: counts[items], mean) == whole


def test_the_seed_decides_the_resamples():
    values = np.random.default_rng(7).normal(size=30)
    first, again, other = (
        PatientBootstrap(np.arange(30), seed=s).of_sums(counts_of(values), mean) for s in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_one_patient_has_a_value_but_no_interval():
    [interval] = PatientBootstrap(["p1", "p1"]).of_sums(counts_of(np.array([0.0, 1.0])), mean)
    assert (interval.value, interval.low, interval.high) == (0.5, None, None)
    assert "one patient" in interval.note


def test_a_score_that_divides_by_nothing_is_none_with_a_note():
    def ratio(sums):
        with np.errstate(invalid="ignore"):
            return sums[:, 0] / sums[:, 1]

    [interval] = PatientBootstrap(["a", "b"]).of_sums(np.zeros((2, 2)), ratio)
    assert interval.value is None
    assert "not computable" in interval.note


def test_no_items_at_all_is_not_computable():
    [interval] = PatientBootstrap([]).of_weights(lambda weights: weighted_median([], weights))
    assert interval.value is None


def test_the_paired_difference_of_a_model_with_itself_is_zero():
    values = counts_of(np.random.default_rng(8).normal(size=30))
    [interval] = PatientBootstrap(np.arange(30)).difference(values, values, mean)
    assert (interval.value, interval.low, interval.high) == (0.0, 0.0, 0.0)


def test_a_paired_difference_is_narrower_than_either_side():
    random = np.random.default_rng(9)
    base = random.normal(size=100)
    first, second = counts_of(base + 0.1), counts_of(base + random.normal(scale=0.01, size=100))
    boot = PatientBootstrap(np.arange(100))
    [alone], [paired] = boot.of_sums(first, mean), boot.difference(first, second, mean)
    assert paired.value == pytest.approx(0.1, abs=0.01)
    assert paired.high - paired.low < 0.1 * (alone.high - alone.low)


@pytest.mark.parametrize("values", [[3.0], [1.0, 2.0], [5.0, 1.0, 1.0, 2.0], [1.0, 1.0, 7.0]])
def test_weighted_median_is_the_median_of_repeated_items(values):
    weights = np.random.default_rng(10).integers(0, 4, (20, len(values))) + np.eye(1, len(values), dtype=int)
    expected = [np.median(np.repeat(values, row)) for row in weights]
    assert weighted_median(values, weights.astype(float)) == pytest.approx(expected)


def test_weighted_median_of_nothing_is_not_a_number():
    assert np.isnan(weighted_median([1.0, 2.0], np.zeros((1, 2)))).all()
