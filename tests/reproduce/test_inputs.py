"""What is given is found by name, and what is not is said with where to get it."""

from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.errors import DataError, UsageError
from plainfilm.reproduce.inputs import given
from plainfilm.reproduce.plan import Plan
from tests.reproduce.papers import made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CXR14_DIR", "")
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "none"))
    (tmp_path / "weights").mkdir()
    for name in ("first.tar", "second.tar", "other.tar"):
        (tmp_path / "weights" / name).write_bytes(b"x")
    (tmp_path / "raw").mkdir()
    return tmp_path


def test_weights_are_known_by_their_published_names(folder: Path) -> None:
    weights = folder / "weights"
    both = {"first": weights / "first.tar", "second": weights / "second.tar"}
    assert given(made(), [str(weights)], []).weights == both
    assert given(made(), [str(weights / "second.tar")], []).weights == {"second": weights / "second.tar"}
    named = given(made(), [f"first={weights / 'other.tar'}"], []).weights
    assert named == {"first": weights / "other.tar"}


def test_a_collection_is_known_by_its_source(folder: Path, small_world) -> None:
    assert given(made(), [], [str(small_world.path)]).data == {"world": small_world.path}


def test_a_raw_folder_is_known_by_its_name_or_the_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = folder / "raw"
    assert given(made(), [], [f"nih={raw}"]).data == {"nih": raw}
    monkeypatch.setenv("CXR14_DIR", str(raw))
    assert given(made(), [], []).data == {"nih": raw}


@pytest.mark.parametrize(
    ("weights", "data", "error", "message"),
    [
        (["weights/other.tar"], [], UsageError, "write NAME=weights/other.tar, NAME one of first, second"),
        (["raw"], [], UsageError, "holds none of first.tar, second.tar"),
        (["frist=weights/other.tar"], [], UsageError, "did you mean 'first'"),
        (["nowhere.tar"], [], DataError, "nowhere.tar: no such file or folder"),
        ([], ["raw"], UsageError, "say which corpus it is, NAME=raw, NAME one of world, nih"),
        ([], ["nhi=raw"], UsageError, "did you mean 'nih'"),
        ([], ["nih=nowhere"], DataError, "nowhere: no such file or folder"),
    ],
)
def test_what_cannot_be_placed_ends_in_one_line(
    weights: list[str],
    data: list[str],
    error: type[Exception],
    message: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    with pytest.raises(error, match=message) as refused:
        given(made(), weights, data)
    assert "\n" not in str(refused.value)


def test_what_is_missing_has_a_place_to_get_it(folder: Path) -> None:
    paper = made()
    lacking = {one.name: one.remedy for one in Plan(paper, folder / "out").missing}
    assert lacking["weights first (first.tar)"] == "https://example.org/first.tar; then --weights first=FILE"
    assert set(lacking) == {"weights first (first.tar)", "weights second (second.tar)", "corpus world"}
    assert Plan(paper, folder / "out", phantom=True).missing == ()
