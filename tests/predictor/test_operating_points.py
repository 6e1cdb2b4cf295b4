"""OperatingPoints beside a model: read strictly, for these weights only."""

from __future__ import annotations

import json

import pytest

from plainfilm.errors import ModelError
from plainfilm.predictor.operating_points import (
    OPERATING_POINTS_FILE,
    OperatingPoint,
    OperatingPoints,
    read_operating_points,
    write_operating_points,
)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    return tmp_path


@pytest.fixture
def point():
    return OperatingPoint(
        positive=("effusion",),
        negative=("no effusion",),
        threshold=0.1,
        slope=20.0,
        bias=-1.0,
        positive_from=0.0,
        negative_to=0.2,
        positives=30,
        negatives=70,
    )


def points(point):
    return OperatingPoints(model_fingerprint="abc", miss=0.1, observations={"Effusion": point})


def test_they_come_back_as_they_were(folder, point):
    write_operating_points(folder, points(point))
    assert read_operating_points(folder, "abc") == points(point)


def test_the_file_of_earlier_versions_is_read_and_replaced(folder, point):
    written = write_operating_points(folder, points(point))
    earlier = written.rename(folder / "decisions.json")
    assert read_operating_points(folder, "abc") == points(point)
    write_operating_points(folder, points(point))
    assert (written.is_file(), earlier.exists()) == (True, False)


def test_a_model_need_not_have_any(folder):
    assert read_operating_points(folder, "abc") is None


def test_a_margin_is_decided(point):
    assert point.probability(0.05) == pytest.approx(0.5)
    assert (point.is_positive(0.1), point.is_positive(0.09)) == (True, False)
    assert [point.abstains(margin) for margin in (-0.1, 0.1, 0.3)] == [False, True, False]


def test_a_far_margin_does_not_overflow(point):
    assert (point.probability(-1e6), point.probability(1e6)) == (0.0, 1.0)


def test_what_was_not_fitted_is_not_known(point):
    bare = OperatingPoint(positive=("a",), negative=("b",), positives=0, negatives=9)
    assert (bare.probability(1.0), bare.is_positive(1.0), bare.abstains(1.0)) == (None, None, True)


def test_other_weights_are_refused(folder, point):
    write_operating_points(folder, points(point))
    with pytest.raises(ModelError, match="made for other weights"):
        read_operating_points(folder, "xyz")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 9}, "format 9"),
        ({"treshold": 1}, "unknown key 'treshold'"),
        ({"miss": 2}, "'miss' is 2"),
    ],
)
def test_files_that_do_not_fit_are_refused(folder, point, change, message):
    document = {**points(point).model_dump(mode="json"), **change}
    (folder / OPERATING_POINTS_FILE).write_text(json.dumps(document))
    with pytest.raises(ModelError, match=message):
        read_operating_points(folder, "abc")


@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_damaged_files_are_refused(folder, text):
    (folder / OPERATING_POINTS_FILE).write_text(text)
    with pytest.raises(ModelError, match="operating_points.json"):
        read_operating_points(folder, "abc")


def test_a_folder_that_is_no_model_takes_none(tmp_path, point):
    with pytest.raises(ModelError, match="not a model folder"):
        write_operating_points(tmp_path, points(point))


def test_a_margin_at_a_bound_is_within_it() -> None:
    point = OperatingPoint(positive_from=0.5, negative_to=0.25, positives=1, negatives=1)
    assert not point.abstains(0.5)
    assert not point.abstains(0.25)
    assert point.abstains(0.375)
