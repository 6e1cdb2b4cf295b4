"""The page: self-contained, well-formed, escaped, and it shows what was scored."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import pytest

from plainfilm.results.page import page
from plainfilm.tasks.base import Metric, Shown

VOID = {"meta", "img", "line", "circle", "br"}


class Checker(HTMLParser):
    """Notes tags that do not close and every address the page refers to."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.images = [], [], []

    def handle_starttag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        self.images += [dict(attributes)] if tag == "img" else []
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


def checked(text):
    checker = Checker()
    checker.feed(text)
    assert not checker.open
    return checker


@pytest.fixture(scope="module")
def text(results):
    return page(results, {"A figure": b"png"})


def test_is_well_formed_and_asks_nothing_of_the_network(text):
    addresses = checked(text).addresses
    assert addresses
    assert all(address.startswith("data:image/") for address in addresses)
    assert not re.search(r"url\(|@import|<script", text)


def test_every_picture_has_a_description(text):
    assert all(image["alt"] for image in checked(text).images)


def test_the_headline_shows_value_interval_n_and_baselines(text, results):
    found = next(m for m in results.metrics if m.name == "image->sentence/finding_f1_micro_positive@2")
    assert f"{found.value:.3f}" in text
    assert f"[{found.low:.3f}, {found.high:.3f}]" in text
    assert "most frequent" in text


def shown(**changes):
    answer = {"rank": 1, "score": 0.5, "text": "Effusion.", "image": None, "labels": {"Edema": 1}}
    answer |= {"agreement": {"Edema": 1}, "agrees": True} | changes
    return Shown("image->sentence: q1", None, "<b>asked</b> & answered", {"Edema": 1}, (answer,))


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({}, "good"),
        ({"agrees": False, "agreement": {"Edema": -1}}, "bad"),
        ({"agrees": None, "agreement": {}}, ""),
    ],
)
def test_answers_are_marked_by_agreement(results, changes, kind):
    text = page(dataclasses.replace(results, shown=(shown(**changes),)), {})
    assert f'<li class="answer {kind}">' in text


def test_texts_are_escaped(results):
    text = page(dataclasses.replace(results, shown=(shown(text="a <script> b"),)), {})
    checked(text)
    assert "&lt;b&gt;asked&lt;/b&gt; &amp; answered" in text
    assert "<script" not in text


def test_films_shown_for_their_score_say_how_they_were_called(results, small_world):
    image = str(small_world.image_path(small_world.table("images")["path"][0].as_py()))
    film = {
        "rank": 1,
        "score": 0.25,
        "image": image,
        "name": "<f>",
        "kind": "labelled negative",
        "text": None,
    }
    film |= {"labels": {"Edema": 0}, "called": "positive", "agrees": False}
    example = Shown("Edema: 1 of 2", None, "for: edema", {}, (film,), "The worst & the best.")
    text = page(dataclasses.replace(results, shown=(example,)), {})
    assert checked(text).images[-1]["alt"] == "film <f>, labelled negative"
    assert "called positive · score 0.250" in text
    assert "The worst &amp; the best." in text
    assert "Drawn at random" not in text


def test_a_query_without_an_answer_says_so(results):
    empty = dataclasses.replace(shown(), answers=())
    assert "Nothing was retrieved." in page(dataclasses.replace(results, shown=(empty,)), {})


def test_a_score_that_is_not_computable_shows_a_dash_and_the_reason(results):
    nothing = Metric("a/recall@1", None, None, None, 0, note="nothing to divide by", group="a")
    text = page(dataclasses.replace(results, metrics=(nothing,), shown=()), {})
    assert '<td title="nothing to divide by">–</td>' in text
