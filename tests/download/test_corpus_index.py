from __future__ import annotations

import pytest

from plainfilm.config import build
from plainfilm.download.corpus_index import Part, corpus, corpus_names
from plainfilm.errors import ConfigError, UsageError


@pytest.mark.parametrize("name", corpus_names())
def test_every_corpus_can_be_had_or_says_how(name: str) -> None:
    entry = corpus(name)
    assert bool(entry.by_hand) != bool(entry.editions)
    assert entry.agreement
    assert entry.needs


@pytest.mark.parametrize("name", corpus_names())
def test_what_is_unpacked_is_fetched(name: str) -> None:
    for parts in corpus(name).editions.values():
        assert all(archive in part.files for part in parts if part.files for archive in part.unpack)


def test_an_unknown_source_gets_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="did you mean 'vindr_cxr'\\? Known: cgmh, chestx_det, chexpert"):
        corpus("vindr-cxr")


def test_an_unknown_edition_gets_the_known_ones() -> None:
    with pytest.raises(UsageError, match="has no edition '3': Known: 0.1, 1.1.0"):
        corpus("ms_cxr").parts("ms_cxr", "3")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"gigabytes": 1}, "give one of"),
        ({"gigabytes": 1, "physionet": "a/1.0", "dataset": "b/c"}, "give one of"),
        ({"gigabytes": 1, "address": "https://host/"}, "needs the names of its files"),
        ({"gigabytes": 1, "address": "http://host/", "files": ["x"]}, "address"),
    ],
)
def test_a_part_lies_at_one_place(values: dict, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build(Part, values, "part")
