"""The results folder: its files, its JSON contract, the same bytes twice."""

from __future__ import annotations

import dataclasses
import json

import pandas as pd
import pytest

from plainfilm.errors import DataError, UsageError
from plainfilm.results import write
from plainfilm.results.reading import read_document, read_items


@pytest.fixture(scope="module")
def folder(results, tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    write(results, folder)
    return folder


def test_the_document_has_the_keys_of_the_contract(folder, results):
    document = json.loads((folder / "results.json").read_text())
    assert {"task", "model", "collection", "split", "n", "protocol", "metrics"} <= document.keys()
    for metric in document["metrics"]:
        assert {"name", "value", "low", "high", "n", "unit", "baselines"} <= metric.keys()
        assert {"title", "headline", "better"} <= metric.keys()
    assert len(document["metrics"]) == len(results.metrics)


def test_raw_tables_are_read_back(folder, results):
    assert len(pd.read_parquet(folder / "predictions.parquet")) == len(results.predictions)
    assert len(pd.read_parquet(folder / "items.parquet")) == len(results.items)


def test_figures_are_drawn(folder):
    names = {path.name for path in (folder / "figures").iterdir()}
    assert {"f1_per_observation_image_sentence.png", "rank_of_the_first_own_item.png"} <= names


def test_writing_again_gives_the_same_bytes(folder, results, tmp_path):
    write(results, tmp_path / "again")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        assert (tmp_path / "again" / path.relative_to(folder)).read_bytes() == path.read_bytes(), path.name


def test_results_without_items_write_none(results, tmp_path):
    write(dataclasses.replace(results, items=None, metrics=results.metrics[:1], examples=()), tmp_path)
    assert not (tmp_path / "items.parquet").exists()
    assert (tmp_path / "results.json").exists()


def test_results_say_what_parts_they_have_once_these_are_there(results, tmp_path):
    (tmp_path / "part").touch()  # where its folder belongs
    with pytest.raises(UsageError):
        write(dataclasses.replace(results, parts={"part": results}), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["part"]


def test_an_interrupted_rewrite_leaves_the_results_that_are_there(results, tmp_path, monkeypatch):
    write(results, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    monkeypatch.setattr("plainfilm.results.folder.page", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write(dataclasses.replace(results, n=results.n + 1), tmp_path)
    assert all(path.read_bytes() == data for path, data in before.items())
    assert read_items(tmp_path, read_document(tmp_path)) is not None


def test_a_place_that_cannot_be_written_is_named(results, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises((DataError, OSError), match="file"):
        write(results, tmp_path / "file" / "results")
