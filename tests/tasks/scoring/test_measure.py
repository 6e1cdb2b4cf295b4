"""Subgroups of the queries by what is known of patient and film."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from plainfilm.metrics.scores import ratio_statistics
from plainfilm.tasks.scoring.measure import (
    DescribedScore,
    Measured,
    Resampling,
    facts_of,
    measure_film_subgroups,
    subgroups,
)


def facts(**columns):
    return pd.DataFrame(columns)


def test_groups_are_by_value():
    found = subgroups(facts(sex=["F"] * 12 + ["M"] * 10))
    assert {name: int(mask.sum()) for name, mask in found.items()} == {"sex F": 12, "sex M": 10}


def test_small_groups_and_single_values_are_not_scored():
    assert subgroups(facts(sex=["F"] * 30 + ["M"] * 9, view=["PA"] * 39)) == {}


def test_what_is_not_known_is_in_no_group():
    found = subgroups(facts(sex=["F"] * 10 + ["M"] * 10 + [None] * 10))
    assert sum(mask.sum() for mask in found.values()) == 20


def test_facts_come_from_the_collection(small_world):
    known = facts_of([small_world], ["0/s1", "0/s0"], ["0/1PA", "0/0LATERAL"])
    assert known["view"].tolist() == ["PA", "LATERAL"]
    assert known["age"].isna().all()


class Viewed:
    """A collection of films of every view."""

    name = "viewed"
    views = ("PA", "AP", "AP_SUPINE", "LATERAL", "unknown")

    def frame(self, name, columns):
        if name == "studies":
            return pd.DataFrame({"study_id": ["a"], "age": [3.0], "sex": ["F"]})
        return pd.DataFrame({"image_id": self.views, "view": self.views})


def test_films_of_both_ap_views_are_one_group_of_bedside_films():
    films = [f"0/{view}" for view in Viewed.views]
    known = facts_of([Viewed()], ["0/a"] * 5, films)
    bedside = "at the bedside (AP)"
    assert known["taken"].tolist()[:3] == ["upright (PA)", bedside, bedside]
    assert known["taken"].isna().tolist() == [False, False, False, True, True]
    assert known["view"].tolist()[:4] == list(Viewed.views[:4])
    found = subgroups(facts_of([Viewed()], ["0/a"] * 60, films * 12))
    assert int(found[f"taken {bedside}"].sum()) == 24


class Aged:
    """A collection of three patients' ages."""

    name = "aged"

    def frame(self, name, columns):
        return pd.DataFrame({"study_id": ["a", "b", "c"], "age": [17.5, 40.0, None], "sex": ["F", None, "M"]})


def test_ages_are_bands():
    known = facts_of([Aged()], ["0/c", "0/b", "0/a"], None)
    assert known["age"].tolist()[1:] == ["40-59", "0-17"]
    assert pd.isna(known["age"][0])
    assert known["sex"].tolist()[2] == "F"


def test_each_of_several_collections_is_a_group():
    first, second = Aged(), Aged()
    second.name = "other"
    known = facts_of([first, second], [f"{place}/{study}" for place in (0, 1) for study in "abc"] * 4, None)
    found = subgroups(known)
    assert found["site aged"].tolist() == ([True] * 3 + [False] * 3) * 4
    assert "site other" in found


def test_items_of_a_film_are_in_the_subgroups_of_the_film():
    film = np.array([0, 0, 1, 2, 2, 2])
    hits = np.array([1.0, 0.0, 1.0, 0.0, 0.0, 1.0])
    measured = Measured("boxes", {"hit": ratio_statistics(hits)}, {}, film.astype(str))
    shown, other = (
        DescribedScore(name, "ratio", ("hit",), name, "higher", headline=name == "shown")
        for name in ("shown", "other")
    )
    parts = {"sex F": np.array([True, False, True]), "sex M": np.array([False, True, False])}
    counted = Resampling(lambda _score, values: len(values["hit"]), 100, 0)
    found = {one.name: one for one in measure_film_subgroups(measured, [shown, other], parts, film, counted)}
    assert set(found) == {"boxes/shown [sex F]", "boxes/shown [sex M]"}
    assert found["boxes/shown [sex F]"].value == pytest.approx(2 / 5)
    assert found["boxes/shown [sex F]"].n == 5
    assert found["boxes/shown [sex M]"].value == 1
    assert found["boxes/shown [sex M]"].subgroup == "sex M"
