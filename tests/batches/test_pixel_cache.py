"""The cache of decoded films."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from plainfilm.batches.pixel_cache import ImageFiles, cache_shapes, open_or_build
from plainfilm.collection import Collection
from plainfilm.errors import CollectionError, DataError
from plainfilm.io.images import read_image


def test_holds_every_film_as_read_image_gives_it(studies: Collection, tmp_path: Path) -> None:
    cache = open_or_build(studies, 24, [tmp_path], workers=2)
    for row, path in enumerate(studies.table("images")["path"].to_pylist()):
        wanted = read_image(studies.image_path(path), shortest_side=24).array
        assert np.array_equal(cache.film(row), wanted)


def test_shapes_follow_from_the_table(studies: Collection) -> None:
    shapes = cache_shapes(studies, 20)
    assert sorted({tuple(shape) for shape in shapes.tolist()}) == [(20, 30), (40, 20)]


def test_is_built_once(studies: Collection, tmp_path: Path) -> None:
    open_or_build(studies, 24, [tmp_path])
    (file,) = tmp_path.iterdir()
    before = file.stat().st_mtime_ns
    open_or_build(studies, 24, [tmp_path])
    assert file.stat().st_mtime_ns == before


def test_sizes_stand_beside_each_other(studies: Collection, tmp_path: Path) -> None:
    open_or_build(studies, 24, [tmp_path])
    open_or_build(studies, 16, [tmp_path])
    assert len(list(tmp_path.iterdir())) == 2


def test_a_cut_off_file_is_built_again(studies: Collection, tmp_path: Path) -> None:
    whole = open_or_build(studies, 24, [tmp_path]).film(0).copy()
    (file,) = tmp_path.iterdir()
    os.truncate(file, 100)
    assert np.array_equal(open_or_build(studies, 24, [tmp_path]).film(0), whole)


def test_takes_the_first_folder_that_can_be_written_to(studies: Collection, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    open_or_build(studies, 24, [tmp_path / "file" / "cache", tmp_path / "run"])
    assert len(list((tmp_path / "run").iterdir())) == 1


def test_no_room_is_said(studies: Collection, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DataError, match=r"no room .* data.cache=null"):
        open_or_build(studies, 24, [tmp_path / "file" / "cache"])


def test_a_film_that_is_gone_names_it_and_leaves_nothing(studies: Collection, tmp_path: Path) -> None:
    files = ImageFiles(studies)
    assert files.film(0).shape == (40, 60)
    broken = Collection(tmp_path, studies.meta)
    broken._tables = {"images": studies.table("images")}
    with pytest.raises(CollectionError, match="prepare the collection again"):
        open_or_build(broken, 24, [tmp_path / "cache"])
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_damaged_cache_is_noticed(studies: Collection, tmp_path: Path) -> None:
    open_or_build(studies, 24, [tmp_path])
    (file,) = tmp_path.iterdir()
    data = bytearray(file.read_bytes())
    data[5] ^= 1
    file.write_bytes(data)
    with pytest.raises(DataError, match="remove it, and it is built again"):
        open_or_build(studies, 24, [tmp_path]).film(0)


def test_a_damaged_film_is_noticed(studies: Collection, tmp_path: Path) -> None:
    shutil.copytree(studies.path, tmp_path / "copy")
    film = tmp_path / "copy" / studies.table("images")["path"][1].as_py()
    data = bytearray(film.read_bytes())
    data[-40] ^= 1
    film.write_bytes(data)
    files = ImageFiles(Collection.open(tmp_path / "copy"))
    files.film(0)
    with pytest.raises(CollectionError, match=f"{film.name}: is damaged"):
        files.film(1)
