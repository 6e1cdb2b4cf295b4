"""Packed collections: their libraries read them, and the collection comes back as it was."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from plainfilm.collection import Collection
from plainfilm.collection.label import label_collection
from plainfilm.collection.schema import ALL_TABLES
from plainfilm.datasets import Films
from plainfilm.errors import CollectionError, ConfigError
from plainfilm.interchange import convert

PACKED = ("webdataset", "huggingface")


@pytest.fixture(scope="module")
def labelled(phantoms: Collection, tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """A copy of the phantoms with labels of sentences and studies of a second origin, too."""
    folder = tmp_path_factory.mktemp("labelled") / "films"
    convert(phantoms, "plainfilm", folder)
    label_collection(Collection.open(folder))
    return Collection.open(folder)


@pytest.fixture(scope="module", params=PACKED)
def packed(labelled: Collection, request: pytest.FixtureRequest, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("packed") / request.param
    convert(labelled, request.param, folder, {"origin": "mimic-cxr/chexpert"})
    return folder


def assert_same(one: Collection, other: Collection) -> None:
    for name in ALL_TABLES:
        assert one.has_table(name) == other.has_table(name)
        if one.has_table(name):
            assert one.table(name).equals(other.table(name)), name
    assert one.fingerprint == other.fingerprint
    for path in one.table("images")["path"].to_pylist():
        assert one.image_path(path).read_bytes() == other.image_path(path).read_bytes()


def test_the_collection_comes_back_with_every_table_and_film(
    labelled: Collection, packed: Path, tmp_path: Path
) -> None:
    convert(Collection.open(packed), "plainfilm", tmp_path / "back")
    back = Collection.open(tmp_path / "back")
    assert_same(labelled, back)
    assert [*back.manifest.damage()] == []
    assert Films(back)[0].image_id == Films(labelled)[0].image_id


def test_boxes_and_phrases_come_back(boxed: Collection, tmp_path: Path) -> None:
    for name in PACKED:
        convert(boxed, name, tmp_path / name)
        convert(Collection.open(tmp_path / name), "plainfilm", tmp_path / f"{name} back")
        assert_same(boxed, Collection.open(tmp_path / f"{name} back"))


def test_a_packed_collection_says_how_it_is_unpacked(packed: Path) -> None:
    with pytest.raises(CollectionError, match=f"convert {packed} plainfilm --out FOLDER"):
        Films(Collection.open(packed))


def test_a_damaged_film_is_named(packed: Path, tmp_path: Path) -> None:
    shard = next((packed / "films").iterdir())
    whole = shard.read_bytes()
    try:
        shard.write_bytes(whole[:3000] + bytes([whole[3000] ^ 1]) + whole[3001:])
        with pytest.raises(CollectionError, match=f"{shard.name}: is damaged"):
            convert(Collection.open(packed), "plainfilm", tmp_path / "back")
    finally:
        shard.write_bytes(whole)


def test_a_film_that_was_changed_before_it_was_packed_is_named(phantoms: Collection, tmp_path: Path) -> None:
    convert(phantoms, "plainfilm", tmp_path / "copy")
    copy = Collection.open(tmp_path / "copy")
    copy.image_path(copy.table("images")["path"][0].as_py()).write_bytes(b"another")
    convert(copy, "webdataset", tmp_path / "shards")
    with pytest.raises(CollectionError, match="is not the one that was stored"):
        convert(Collection.open(tmp_path / "shards"), "plainfilm", tmp_path / "back")


def test_an_unknown_origin_is_refused(phantoms: Collection, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="mimic-cxr/chexpert"):
        convert(phantoms, "webdataset", tmp_path / "out", {"origin": "mimic-cxr/chexper"})


def expected(collection: Collection) -> dict[str, tuple[np.ndarray, str, dict]]:
    """By image, its pixels, its study and its labels of the origin."""
    films = Films(collection, origins=["mimic-cxr/chexpert"])
    return {
        film.image_id: (
            film.pixels,
            film.study_id,
            {name: int(state) for name, state in film.labels.items() if state is not None},
        )
        for film in films
    }


# The library leaves the closing of its files to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
def test_the_library_webdataset_reads_the_films(labelled: Collection, tmp_path: Path) -> None:
    webdataset = pytest.importorskip("webdataset")
    options = {"origin": "mimic-cxr/chexpert", "shard_mb": 1}
    convert(labelled, "webdataset", tmp_path / "out", options)
    shards = sorted(map(str, (tmp_path / "out" / "films").glob("*.tar")))
    known = expected(labelled)
    seen = set()
    stream = webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode("l8")
    for sample in stream.to_tuple("jpg", "json"):
        picture, record = sample
        pixels, study, labels = known[record["image_id"]]
        assert np.array_equal(picture, pixels)
        assert record["study_id"] == study
        assert {one["observation"]: one["state"] for one in record["labels"]} == labels
        seen.add(record["image_id"])
    assert seen == set(known)


def test_the_library_datasets_reads_films_and_tables(labelled: Collection, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    convert(labelled, "huggingface", tmp_path / "out", {"origin": "mimic-cxr/chexpert"})
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    known = expected(labelled)
    assert {name: len(part) for name, part in loaded.items()} == {
        split: sum(film.split == split for film in Films(labelled)) for split in loaded
    }
    for part in loaded.values():
        for row in part:
            pixels, study, labels = known[row["image_id"]]
            assert np.array_equal(np.asarray(row["image"]), pixels)
            assert row["study_id"] == study
            assert {one["observation"]: one["state"] for one in row["labels"]} == labels
    for name in ("studies", "labels", "sentences"):
        table = datasets.load_dataset(
            str(tmp_path / "out"), name, split="table", cache_dir=str(tmp_path / "cache")
        )
        assert table.to_pandas().equals(labelled.frame(name))


def test_rows_of_parquet_are_films_with_their_stored_files(labelled: Collection, tmp_path: Path) -> None:
    convert(labelled, "huggingface", tmp_path / "out", {"origin": "mimic-cxr/chexpert"})
    known = expected(labelled)
    table = pq.read_table(tmp_path / "out" / "films" / "train-00000.parquet")
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert set(features) == set(table.column_names)
    for row in table.select(["image", "image_id"]).to_pylist():
        picture = np.asarray(Image.open(io.BytesIO(row["image"]["bytes"])))
        assert np.array_equal(picture, known[row["image_id"]][0])


def test_films_are_spread_over_files_of_the_size_asked_for(phantoms: Collection, tmp_path: Path) -> None:
    written = convert(phantoms, "webdataset", tmp_path / "out", {"shard_mb": 1})
    assert written.rows == phantoms.table("images").num_rows
    shards = [file for file in written.files if file.suffix == ".tar"]
    splits = {film.split for film in Films(phantoms)}
    assert {file.name.partition("-")[0] for file in shards} == splits
