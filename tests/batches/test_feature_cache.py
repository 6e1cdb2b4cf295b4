"""Features of films on disk: every bit comes back, whatever type and shape; a file that exists is whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from plainfilm.batches import feature_cache
from plainfilm.batches.feature_cache import FeatureCache, as_tensors, build_cache, digest_of, open_cache
from plainfilm.errors import DataError
from plainfilm.nn.base import ImageFeatures

FILMS = np.array([2, 3, 7], dtype=np.int64)


def features(kind: torch.dtype = torch.float32, patches: int = 5) -> ImageFeatures:
    draw = torch.Generator().manual_seed(0)
    values = (torch.randn(len(FILMS), *shape, generator=draw).to(kind) for shape in ((7,), (patches, 3)))
    return ImageFeatures(*values)


def build(folder: Path, made: ImageFeatures) -> FeatureCache:
    blocks = [
        (slice(0, 2), made.each(lambda values: values[:2])),
        (slice(2, 3), made.each(lambda values: values[2:])),
    ]
    return build_cache("name", FILMS, [folder], made, blocks)


@pytest.mark.parametrize("kind", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("patches", [0, 5])
def test_every_bit_comes_back(kind: torch.dtype, patches: int, tmp_path: Path) -> None:
    made = features(kind, patches)
    build(tmp_path, made)
    cache = open_cache("name", FILMS, [tmp_path / "elsewhere", tmp_path])
    assert cache is not None
    found = as_tensors([cache.read([7, 2]), cache.read([3])])
    order = torch.tensor([2, 0, 1])
    assert (found.pooled.dtype, found.patches.dtype) == (kind, kind)
    assert torch.equal(found.pooled, made.pooled[order])
    assert torch.equal(found.patches, made.patches[order])


def test_a_film_that_is_not_kept_is_an_error(tmp_path: Path) -> None:
    for rows in ([4], [2, 8], [0]):
        with pytest.raises(DataError, match="are not kept"):
            build(tmp_path, features()).read(rows)


def test_no_films_are_no_features(tmp_path: Path) -> None:
    none = FILMS[:0]
    cache = build_cache("none", none, [tmp_path], features(), [])
    with pytest.raises(DataError, match="are not kept"):
        cache.read([2])


def test_the_next_folder_is_taken_where_one_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    made = features()
    build_cache("name", FILMS, [tmp_path / "file", tmp_path / "there"], made, [(slice(0, 3), made)])
    assert (tmp_path / "there" / "features-name.npy").is_file()


def test_no_room_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_cache, "can_take", lambda folder, total: False)
    with pytest.raises(DataError, match=r"no room for 0 MB of features of 3 films .*cache_features=false"):
        build(tmp_path, features())


def test_what_is_broken_off_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[tuple[slice, ImageFeatures]]:
        yield slice(0, 2), features().each(lambda values: values[:2])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_cache("name", FILMS, [tmp_path], features(), broken())
    assert list(tmp_path.iterdir()) == []
    assert open_cache("name", FILMS, [tmp_path]) is None


def test_the_name_tells_films_and_facts_apart() -> None:
    names = {
        digest_of("ab", 1),
        digest_of("ba", 1),
        digest_of(["ab"], 1),
        digest_of("ab", 2),
        digest_of("ab1"),
    }
    assert len(names) == 5
