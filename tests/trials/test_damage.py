"""A changed bit in a collection, bank or results is noticed with the name of the file, or changes nothing."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from plainfilm.bank import Bank
from plainfilm.collection import Collection
from plainfilm.doctor import verify
from plainfilm.errors import DataError
from plainfilm.io.tables import read_json
from plainfilm.results.reading import read_document
from plainfilm.seeding import generator

PLACES = 60
"""Bits changed in each file, one after another."""


@contextmanager
def bit_changed(file: Path, place: int, bit: int) -> Iterator[None]:
    whole = file.read_bytes()
    changed = bytearray(whole)
    changed[place] ^= 1 << bit
    file.write_bytes(changed)
    try:
        yield
    finally:
        file.write_bytes(whole)


def unnoticed(file: Path, named: Callable[[], str], content: Callable[[], object]) -> list[tuple[int, int]]:
    """The places and bits whose change `named`, what is said of damage, does not tell, and that matter."""
    rng, before = generator("damage", file.name), content()
    found = []
    for place in rng.integers(0, file.stat().st_size, PLACES).tolist():
        bit = int(rng.integers(0, 8))
        with bit_changed(file, place, bit):
            said = named()
            if f"{file}: " not in said and not (said == "" and content() == before):
                found.append((place, bit))
    return found


def said_by(read: Callable[[], object]) -> str:
    try:
        read()
    except DataError as error:
        return str(error)
    return ""


def read_all(folder: Path) -> tuple[object, ...]:
    collection = Collection.open(folder)
    return (collection.meta, *(collection.table(name) for name in collection.meta["tables"]))


@pytest.fixture(scope="module")
def films(small_world: Collection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("damage") / "films"
    return Path(shutil.copytree(small_world.path, folder))


def test_every_file_of_a_collection_when_it_is_read(films: Path) -> None:
    files = [films / "collection.json", *sorted(films.glob("*.parquet"))]
    assert len(files) == 8
    for file in files:
        content = lambda: read_all(films)  # noqa: E731
        assert unnoticed(file, lambda: said_by(lambda: read_all(films)), content) == [], file.name


def test_films_when_the_collection_is_verified(films: Path) -> None:
    for file in sorted((films / "images").rglob("*.jpg"))[:2]:
        rng = generator("damage", file.name)
        for place in rng.integers(0, file.stat().st_size, 12).tolist():
            with bit_changed(file, place, 3):
                (finding,) = verify(films)
                assert finding.detail.startswith(f"{file}: is damaged")


def test_every_file_of_a_bank_when_it_is_read(tmp_path: Path) -> None:
    vectors = np.eye(8, dtype=np.float32)
    Bank.write(tmp_path, vectors, pd.DataFrame({"kind": ["image"] * 8, "item_id": range(8)}), {"model": "m"})

    def content() -> object:
        bank = Bank.open(tmp_path)
        return bank.meta, bank.vectors.tolist(), bank.items.to_dict()

    for name in ("bank.json", "vectors.npy", "items.parquet"):
        assert unnoticed(tmp_path / name, lambda: said_by(content), content) == [], name


def test_results_when_they_are_verified(small_world: Collection, tiny_model: Path, tmp_path: Path) -> None:
    from plainfilm.cli.main import run

    assert run(["evaluate", "retrieval", str(tiny_model), str(small_world.path), "--out", str(tmp_path)]) == 0

    def named() -> str:
        return "".join(finding.detail for finding in verify(tmp_path) if not finding.works)

    for name in read_json(tmp_path / "results.json")["files"]:
        assert unnoticed(tmp_path / name, named, lambda: None) == [], name
    assert unnoticed(tmp_path / "results.json", named, lambda: read_document(tmp_path)) == []
