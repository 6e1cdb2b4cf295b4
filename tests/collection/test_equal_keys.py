"""Equal keys are those that a dictionary finds."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from plainfilm.collection.equal_keys import equal_groups, is_first_occurrence


def test_groups_are_those_of_a_dictionary() -> None:
    random = np.random.default_rng(0)
    first, other = (random.integers(0, 20, 300, dtype=np.uint64) for _ in range(2))
    places = defaultdict(list)
    for place, key in enumerate(zip(first.tolist(), other.tolist(), strict=True)):
        places[key].append(place)
    expected = [group for group in places.values() if len(group) > 1]
    assert [group.tolist() for group in equal_groups((first, other))] == expected
    firsts = sorted(group[0] for group in places.values())
    assert np.flatnonzero(is_first_occurrence((first, other))).tolist() == firsts


def test_none_and_one() -> None:
    for count in (0, 1):
        keys = np.zeros(count, np.uint64), np.zeros(count, np.uint64)
        assert equal_groups(keys) == []
        assert is_first_occurrence(keys).tolist() == [True] * count
