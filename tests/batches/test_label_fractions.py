"""Fractions of a training split: whole patients, nested, balanced; all observations once there is room."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from plainfilm.batches.label_fractions import in_fraction, patient_places
from plainfilm.errors import UsageError
from plainfilm.seeding import generator

FRACTIONS = (0.01, 0.02, 0.1, 0.3, 0.5, 1.0)


@st.composite
def labelled_items(draw):
    count, observations = draw(st.integers(1, 60)), draw(st.integers(1, 6))
    states = draw(arrays.arrays(np.int8, (count, observations), elements=st.integers(-3, 1)))
    patients = draw(st.lists(st.integers(0, 30), min_size=count, max_size=count))
    return np.array([f"corpus/p{patient}" for patient in patients]), states, draw(st.integers(0, 3))


@settings(max_examples=60)
@given(labelled_items())
def test_fractions_are_whole_patients_and_lie_inside_one_another(items):
    patients, states, seed = items
    places = patient_places(patients, states, seed)
    inside = np.zeros(len(patients), dtype=bool)
    for fraction in FRACTIONS:
        chosen = in_fraction(places, fraction)
        assert (inside <= chosen).all()
        assert not set(patients[chosen]) & set(patients[~chosen])
        assert len(set(patients[chosen])) == max(1, int(fraction * len(set(patients)) + 0.5))
        inside = chosen
    assert inside.all()


@settings(max_examples=60)
@given(labelled_items())
def test_every_observation_is_positive_somewhere_once_there_is_room_for_it(items):
    patients, states, seed = items
    places, stated = patient_places(patients, states, seed), (states == 1).any(axis=0)
    assert ((states[places < stated.sum()] == 1).any(axis=0) == stated).all()
    both = stated.sum() + (states == 0).any(axis=0).sum()
    assert ((states[places < both] == 0).any(axis=0) == (states == 0).any(axis=0)).all()


@settings(max_examples=30)
@given(labelled_items())
def test_the_order_of_the_items_does_not_matter(items):
    patients, states, seed = items
    shuffled = generator(seed, "test").permutation(len(patients))
    places = patient_places(patients, states, seed)
    assert (patient_places(patients[shuffled], states[shuffled], seed) == places[shuffled]).all()


def split(patients=3000, observations=14, seed=0):
    """Films of patients whose findings come together, common and rare ones."""
    random = generator("a split", seed)
    ill = random.random(patients)
    chance = np.geomspace(0.4, 0.003, observations) * 2 * ill[:, None]
    of_patient = random.random((patients, observations)) < chance
    films = random.geometric(0.4, patients)
    owner = np.repeat(np.arange(patients), films)
    positive = of_patient[owner] & (random.random((len(owner), observations)) < 0.8)
    return np.char.mod("p%d", owner), positive.astype(np.int8)


def imbalance(places, states, fraction):
    """The root mean square error of the prevalences, in standard errors of a fraction of this size."""
    chosen, whole = states[in_fraction(places, fraction)] == 1, (states == 1).mean(axis=0)
    error = np.sqrt(whole * (1 - whole) / len(chosen))
    return float(np.sqrt(np.mean(((chosen.mean(axis=0) - whole) / error) ** 2)))


@pytest.mark.parametrize(("fraction", "part_of_random"), [(0.01, 0.9), (0.02, 0.5), (0.1, 0.3), (0.6, 0.3)])
def test_prevalences_are_closer_than_those_of_random_patients(fraction, part_of_random):
    patients, states = split()
    own = np.mean([imbalance(patient_places(patients, states, seed), states, fraction) for seed in range(3)])
    names, codes = np.unique(patients, return_inverse=True)
    drawn = [generator(seed).permutation(len(names))[codes] for seed in range(20)]
    assert own < part_of_random * np.mean([imbalance(places, states, fraction) for places in drawn])


def test_another_seed_gives_another_fraction():
    patients, states = split()
    first, second = (set(patients[in_fraction(patient_places(patients, states, s), 0.01)]) for s in (0, 1))
    assert len(first) == len(second) == 30
    assert len(first & second) < 10


def test_patients_without_any_label_are_shared_out_too():
    patients = np.array([f"p{number}" for number in range(200)])
    states = np.full((200, 3), -2, dtype=np.int8)
    states[:100, 0] = 1
    chosen = in_fraction(patient_places(patients, states, 0), 0.1)
    assert (states[chosen, 0] == 1).sum() == 10


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.5])
def test_what_is_no_fraction_is_refused(fraction):
    with pytest.raises(UsageError, match="above 0 and at most 1"):
        in_fraction(np.arange(3), fraction)
