"""The page of an audit: every kind counted, films beside what was found on them."""

from __future__ import annotations

from plainfilm.results.audit_page import MOST_ENTRIES, audit_page

EMPTY = {"leaks": [], "duplicates": [], "conflicts": [], "agreement": [], "warnings": [], "damage": []}


def test_without_a_leak_that_is_the_first_thing_said(small_world, taken_apart):
    text = audit_page(EMPTY, {"world": small_world})
    taken_apart(text)
    assert "No leak was found." in text
    assert "<h2>Leaks: 0</h2>" in text


def test_films_are_shown_beside_what_was_found(small_world, taken_apart):
    image = small_world.table("images")["image_id"][0].as_py()
    leak = {"kind": "image <copy>", "n": 2, "splits": ["test", "train"], "images": [("world", image)]}
    text = audit_page({**EMPTY, "leaks": [leak]}, {"world": small_world})
    [film] = taken_apart(text).all("svg")
    assert film["aria-label"] == f"world: {image}"
    assert "image &lt;copy&gt;" in text
    assert "splits: test, train" in text
    assert "No leak was found." not in text


def test_more_entries_than_are_shown_are_counted(small_world):
    many = [{"kind": "report", "n": 2}] * (MOST_ENTRIES + 3)
    assert "3 more are in the JSON document." in audit_page({**EMPTY, "duplicates": many}, {"w": small_world})


def test_repeats_are_named_by_kind_and_the_usual_ones_folded(small_world):
    short = "the same short text in reports of several patients"
    long = "the same long report for several patients"
    usual = {"kind": "report", "n": 9, "repeat": short, "expected": True}
    odd = {"kind": "report", "n": 2, "repeat": long, "expected": False}
    text = audit_page({**EMPTY, "duplicates": [usual, odd]}, {"w": small_world})
    assert "<h3>The same long report for several patients: 1</h3>" in text
    assert "<summary>The same short text in reports of several patients, as is usual: 1</summary>" in text
    assert text.index("<h3>The same long") < text.index("<summary>The same short")
