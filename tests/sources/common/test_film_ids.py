from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.sources.common.film_ids import FilmIds, film_path, is_there, leaves, people_in


@pytest.mark.parametrize(
    ("paths", "ids"),
    [
        (["a/x.png", "b/y.JPG"], ["x", "y"]),
        (["films/1.2.840.1", "films/1.2.840.2"], ["1.2.840.1", "1.2.840.2"]),
        (["1.2.840.1.dcm", "1.2.840.2.dcm"], ["1.2.840.1", "1.2.840.2"]),
        (["p1/view1.png", "p2/view1.png"], ["p1/view1", "p2/view1"]),
        (["a/x.png", "a/x.dcm"], ["a/x.png", "a/x.dcm"]),
        (["/data/p1/v.png", "/data/p2/v.png"], ["p1/v", "p2/v"]),
        (["a.png", "./a.png"], ["a", "a"]),
        ([r"p1\v.png", r"p2\v.png"], ["p1/v", "p2/v"]),
        (["film.v2", "film.v3"], ["film.v2", "film.v3"]),
        (["x.nii.gz", "y.nii.gz"], ["x", "y"]),
    ],
)
def test_ids_differ_where_paths_do(paths: list[str], ids: list[str]) -> None:
    assert list(FilmIds(paths).values()) == ids


@pytest.mark.parametrize(
    ("path", "people"),
    [
        ("files/p10/p10000032/s50414267/a.jpg", ("p10000032", "s50414267")),
        ("p10000032/s50414267/a.jpg", ("p10000032", "s50414267")),
        (
            "CheXpert-v1.0-small/valid/patient00001/study2/view1_frontal.jpg",
            ("patient00001", "patient00001_study2"),
        ),
        ("films/a.png", None),
    ],
)
def test_people_in_paths(path: str, people: tuple[str, str] | None) -> None:
    assert people_in(path) == people


@pytest.mark.parametrize(
    ("name", "goes_out"),
    [
        ("a/b.png", False),
        ("a/../b.png", False),
        ("../b.png", True),
        ("a/../../b.png", True),
        ("/etc/passwd", True),
        (r"..\..\b.png", True),
        (r"C:\films\b.png", True),
    ],
)
def test_names_that_leave_their_folder(tmp_path: Path, name: str, goes_out: bool) -> None:
    assert leaves(tmp_path, name) == goes_out
    assert not leaves(tmp_path, f"{tmp_path}/inner/b.png")


def test_what_can_be_no_path_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.png").touch()
    assert is_there(film_path(tmp_path, r"a\b.png"))
    assert not any(is_there(tmp_path / name) for name in ("x" * 300, "x/" * 100_000, "a\0b", "none.png"))
