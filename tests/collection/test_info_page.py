"""The page of a collection says what its tables say."""

from __future__ import annotations

import re

import pandas as pd

from plainfilm.cli.main import run
from plainfilm.collection import Collection
from plainfilm.collection.info_page import _ages, _together, info_page
from plainfilm.interchange import convert
from tests.results.conftest import Page


def bars(text: str, caption: str) -> dict[str, int]:
    """The counts of a table of bars."""
    table = re.search(rf"<caption>{caption}</caption>(.*?)</table>", text, re.DOTALL)[1]
    found = re.findall(r'<th scope="row">(.*?)</th>.*?<td class="n">([\d,]+)</td>', table)
    return {name: int(count.replace(",", "")) for name, count in found}


def test_it_counts_what_the_tables_hold(small_world):
    text = info_page(small_world)
    Page(text)
    assert bars(text, "films by view") == {"LATERAL": 48, "PA": 48}
    labels = small_world.frame("labels")
    studies = labels[(labels["target"] == "study") & (labels["state"] == 1)]
    counts = studies.groupby("observation")["target_id"].nunique()
    assert bars(text, "positive studies") == {
        name: int(counts.get(name, 0)) for name in bars(text, "positive studies")
    }
    assert bars(text, "positive studies")["Cardiomegaly"] == 12


def test_films_of_every_view_are_shown_the_same_each_time(small_world):
    text = info_page(small_world)
    names = re.findall(r'<figcaption>(\S+) <span class="soft">(\S+)</span>', text)
    assert len(names) == 12
    assert {view for _, view in names} == {"PA", "LATERAL"}
    assert info_page(small_world) == text


def test_shares_of_what_occurs_together():
    states = pd.DataFrame({"a": [1, 1, 1, 0], "b": [1, 0, -1, 1], "c": [0, 0, 0, 0]})
    found = _together(["a", "b", "c"], states.to_numpy())
    assert [row["name"] for row in found] == ["a", "b"]
    assert found[0]["shares"] == [1, 1 / 3]
    assert found[1]["shares"] == [1 / 2, 1]


def test_ages_are_counted_by_decade():
    assert _ages(pd.Series([0, 9.5, 10, 31, None])) == {
        "0 to 9": 2,
        "10 to 19": 1,
        "20 to 29": 0,
        "30 to 39": 1,
        "not stated": 1,
    }


def test_without_films_it_has_the_tables(small_world, tmp_path):
    convert(small_world, "webdataset", tmp_path / "shards")
    text = info_page(Collection.open(tmp_path / "shards"))
    assert '<svg class="film' not in text
    assert bars(text, "films by view") == {"LATERAL": 48, "PA": 48}


def test_the_command_writes_it(small_world, tmp_path, capsys):
    assert run(["info", str(small_world.path), "--html", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").read_text() == info_page(small_world)
    assert "Pleural Effusion" in capsys.readouterr().out
