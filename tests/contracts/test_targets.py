"""Every target keeps its contract: examples that are cut and moved, readers that read, move and collate."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from PIL import Image

from plainfilm import plugins
from plainfilm.batches.batch import RowWise
from plainfilm.batches.rows import DataConfig, build_rows
from plainfilm.batches.targets.base import (
    ItemFilms,
    RaggedTarget,
    TargetReader,
    TargetSource,
    requires,
    target,
    tokenizers_of,
)
from plainfilm.collection import Collection, prepare
from plainfilm.collection.schema import BOXES, LABELS
from plainfilm.geometry import Geometry
from plainfilm.nn.ragged import Ragged
from plainfilm.seeding import generator
from plainfilm.text.tokenizers import Tokenizer

NAMES = plugins.names("target")
COUNT = 4
SOURCE = TargetSource(observations=("Left mass", "Right mass", "Edema"))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> TargetSource:
    """Four studies, each with a film, a report and labels."""
    root = tmp_path_factory.mktemp("targets")
    rows = [["path", "study", "patient", "split", "report", "Left mass", "Right mass", "Edema"]]
    for number in range(COUNT):
        film = np.tile(np.arange(50, dtype=np.uint8) * 4 + number, (40, 1))
        Image.fromarray(film).save(root / f"{number}.png")
        report = f"FINDINGS: Mass on the left. Line number {number}."
        states = [number % 2, 1 - number % 2, 1]
        rows.append([f"{number}.png", f"s{number}", f"p{number}", "train", report, *states])
    with (root / "films.csv").open("w", newline="") as opened:
        csv.writer(opened).writerows(rows)
    columns = {"image": "path", "study": "study", "patient": "patient", "split": "split", "text": "report"}
    options = {"columns": {**columns, "labels": "Left mass,Right mass,Edema"}}
    collection: Collection = prepare(
        "table", root / "films.csv", root / "collection", size=40, workers=1, options=options
    )
    config = DataConfig(text="findings", sentences=2)
    found = build_rows([collection], "train", config, (frozenset({"text", "labels"}),))
    tokenizer = Tokenizer.train(collection.table("sentences")["text"].to_pylist(), 300, 16)
    tokenizers = dict.fromkeys(("text", "report", "sentence"), tokenizer)
    return TargetSource(found, [WithBoxes(collection)], config, tokenizers, found.observations)


class WithBoxes:
    """A collection with boxes of a finding, of a region and of phrases on the left of every film, and a
    finding that is stated of the region and in a sentence."""

    def __init__(self, collection: Collection) -> None:
        self._collection = collection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._collection, name)

    def table(self, table: str) -> pa.Table:
        if table != "labels":
            return self._collection.table(table)
        images = self._collection.table("images")["image_id"].to_pylist()
        empty = dict.fromkeys(LABELS.names)
        said = {"target": "region", "observation": "mass", "origin": "imagenome/anatomicalfinding"}
        rows = [{**empty, **said, "target_id": f"{image}:left lung", "state": 1} for image in images]
        sentences = self._collection.table("sentences").to_pylist()
        ids = [one["sentence_id"] for one in sentences if "left" in one["text"]]
        said = {"target": "sentence", "observation": "Left mass", "origin": "plainfilm-chexpert-4"}
        rows += [{**empty, **said, "target_id": sentence, "state": 1} for sentence in ids]
        return pa.Table.from_pylist(rows, LABELS)

    def columns(self, table: str, columns: Sequence[str]) -> pa.Table:
        return self.table(table).select(columns)

    def batches(self, table: str, rows: int, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        yield from self.columns(table, columns).to_batches(rows)

    def frame(self, table: str) -> pd.DataFrame:
        if table != "boxes":
            return self._collection.frame(table)
        images = self._collection.table("images")["image_id"].to_pylist()
        phrase = "Mass on the left."
        named = [("Left mass", "observation", None), ("left lung", "region", None)]
        named += [("left lung", "phrase", phrase), ("Mass", "phrase", phrase)]
        rows = [
            (image, name, kind, 2.0, 4.0, 20.0, 30.0, None, said)
            for image in images
            for name, kind, said in named
        ]
        return pd.DataFrame(rows, columns=BOXES.names)


def _fields(value: Any) -> dict[str, torch.Tensor]:
    """Every tensor of a collated target; those of how entries belong to items too."""
    found = {name: getattr(value, name) for name in value.__dataclass_fields__}
    return {
        name: one.counts if isinstance(one, Ragged) else one
        for name, one in found.items()
        if isinstance(one, torch.Tensor | Ragged)
    }


def _same(first: Any, second: Any) -> bool:
    one, other = _fields(first), _fields(second)
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _shown(item: int, mirrored: bool = False) -> ItemFilms:
    return ItemFilms((item,), (Geometry((50, 40), 32, (0.0, 0.0, 40.0, 40.0), mirrored=mirrored),))


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_needs(name: str) -> None:
    assert requires(name) in (None, "text", "labels")
    assert all(one in ("text", "report", "sentence") for one in tokenizers_of(name))


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_cut_and_moved_like_any_target(name: str) -> None:
    example = target(name).example(5, SOURCE)
    assert example.present.tolist() == [True] * 5
    for start, stop in ((0, 5), (1, 3), (4, 5), (2, 2)):
        piece = example.slice(start, stop)
        assert type(piece) is type(example)
        assert piece.present.shape == (stop - start,)
        assert _same(piece.slice(0, stop - start), piece)
    assert _same(example.slice(0, 5), example)
    assert _same(example.to("cpu"), example)
    assert {one.device.type for one in _fields(example.to("meta")).values()} == {"meta"}


@pytest.mark.parametrize("name", NAMES)
def test_an_example_has_an_entry_for_every_item(name: str) -> None:
    example = target(name).example(3, SOURCE)
    entries = example.of.entries if isinstance(example, RaggedTarget) else 3
    assert isinstance(example, RowWise | RaggedTarget)
    for field, value in _fields(example).items():
        assert len(value) == (3 if field in ("present", "of") else entries), field


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_is_collated_as_the_example_is(name: str, source: TargetSource) -> None:
    reader: TargetReader = target(name).open_target(source)
    values = [reader.move(reader.read(item, None), _shown(item)) for item in range(COUNT)]
    found, example = reader.collate(values), target(name).example(COUNT, source)
    assert type(found) is type(example)
    for field, value in _fields(found).items():
        like = _fields(example)[field]
        assert (value.dtype, value.ndim) == (like.dtype, like.ndim), field
    assert found.present.shape == (COUNT,)
    assert _same(found.slice(0, COUNT), found)
    assert len(found.slice(1, 2).present) == 1


@pytest.mark.parametrize("name", NAMES)
def test_no_items_are_a_target_too(name: str, source: TargetSource) -> None:
    found = target(name).open_target(source).collate([])
    example = target(name).example(COUNT, source)
    assert found.present.shape == (0,)
    for field, value in _fields(found).items():
        assert (value.dtype, value.ndim) == (_fields(example)[field].dtype, _fields(example)[field].ndim)


@pytest.mark.parametrize("name", NAMES)
def test_reading_repeats(name: str, source: TargetSource) -> None:
    reader = target(name).open_target(source)

    def read(seed: int | None) -> Any:
        draws = [None if seed is None else generator(seed, item) for item in range(COUNT)]
        values = [reader.move(reader.read(item, rng), _shown(item)) for item, rng in enumerate(draws)]
        return reader.collate(values)

    assert _same(read(None), read(None))
    assert _same(read(1), read(1))


@pytest.mark.parametrize("name", NAMES)
def test_mirroring_twice_is_not_mirroring(name: str, source: TargetSource) -> None:
    reader = target(name).open_target(source)
    plain = [reader.move(reader.read(item, None), _shown(item)) for item in range(COUNT)]
    once = [reader.move(reader.read(item, None), _shown(item, mirrored=True)) for item in range(COUNT)]
    assert not _same(reader.collate(plain), reader.collate(once))
    if not isinstance(reader.collate(plain), RaggedTarget):  # boxes are moved into the square but once
        twice = [reader.move(value, _shown(item, mirrored=True)) for item, value in enumerate(once)]
        assert _same(reader.collate(plain), reader.collate(twice))
