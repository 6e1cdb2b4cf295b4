from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

import pytest

from plainfilm.collection.names import drawn_split, stored_path

HOSTILE = (
    "../../etc/passwd",
    "/abs",
    "a/b",
    "a\\b",
    ".hidden",
    "..",
    "x" * 400,
    "胸片 1",
    "a\0b",
    "a~b",
    " ",
)


@pytest.mark.parametrize("image_id", HOSTILE)
def test_no_id_leads_out_of_the_folder(image_id: str) -> None:
    path = PurePosixPath(stored_path(image_id))
    assert path.parts[0] == "images"
    assert len(path.parts) == 3
    assert not set(path.parts) & {"..", "."}
    assert len(path.name) < 120
    assert path.name.isascii()


def test_plain_ids_stay_readable() -> None:
    assert stored_path("02aa804e-bde0afdd").endswith("/02aa804e-bde0afdd.jpg")


def test_ids_that_read_alike_get_different_files() -> None:
    ids = ["a/b", "a b", "a-b", "a_b", "a:b", stored_path("a/b").split("/")[-1].removesuffix(".jpg")]
    assert len({stored_path(image_id) for image_id in ids}) == len(ids)


def test_drawn_splits_have_the_shares_promised() -> None:
    counts = Counter(drawn_split(f"p{number}") for number in range(20_000))
    assert counts["train"] / 20_000 == pytest.approx(0.8, abs=0.01)
    assert counts["validation"] / 20_000 == pytest.approx(0.1, abs=0.01)
