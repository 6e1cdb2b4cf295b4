"""Studies by number: all films, the report and the labels."""

from __future__ import annotations

import pytest

from plainfilm.datasets import Studies
from plainfilm.types import State, View


def test_a_study_has_all_its_films_and_its_report(small_world):
    study = Studies(small_world, size=48)[1]
    assert study.study_id == "s1"
    assert [film.view for film in study.films] == [View.PA, View.LATERAL]
    assert {film.study_id for film in study.films} == {"s1"}
    assert {film.pixels.shape for film in study.films} == {(48, 48)}
    assert study.sections["findings"].startswith("The heart is enlarged.")
    assert study.labels["Cardiomegaly"] == State.POSITIVE


def test_splits_are_those_of_the_table(small_world):
    table = small_world.frame("studies")
    studies = Studies(small_world, split="test")
    assert [study.study_id for study in studies] == list(table.loc[table["split"] == "test", "study_id"])


def test_views_choose_films_and_leave_out_studies_without(small_world):
    assert [len(study.films) for study in Studies(small_world, views=["PA"])[:4]] == [1] * 4
    assert len(Studies(small_world, views=["AP"])) == 0


def test_a_transform_decides_what_a_study_becomes(small_world):
    studies = Studies(small_world, transform=lambda study: len(study.films))
    assert studies[:3] == [2, 2, 2]
    with pytest.raises(IndexError, match="no study number 48"):
        studies[48]
