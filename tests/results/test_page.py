"""The page: self-contained, well-formed, escaped, and it shows what was scored."""

from __future__ import annotations

import dataclasses
import re

import pytest

from plainfilm.results.page import page
from plainfilm.tasks.base import Answer, Example, Metric, ScoreTable, ShownImage, ShownLabel, ShownSentence


@pytest.fixture(scope="module")
def text(results):
    return page(results, {"A figure": b"png"})


@pytest.fixture(scope="module")
def bare(results):
    """Results without examples, tables and scores, to be filled by a test."""
    return dataclasses.replace(results, metrics=(), examples=(), tables=(), legend={}, introduction="")


def test_is_well_formed_and_asks_nothing_of_the_network(text, taken_apart):
    tags = taken_apart(text).tags
    addresses = [value for _, one in tags for name, value in one.items() if name in ("src", "href")]
    assert addresses
    assert all(address.startswith(("data:image/", "#")) for address in addresses)
    assert not re.search(r"url\(|@import|<script", text)


def test_every_picture_has_a_description(text, taken_apart):
    taken = taken_apart(text)
    assert all(image["alt"] for image in taken.all("img"))
    pictures = [svg for svg in taken.all("svg") if "aria-hidden" not in svg]
    assert pictures
    assert all(svg["aria-label"] for svg in pictures)


def test_the_headline_shows_value_interval_n_and_baselines(text, results):
    found = next(m for m in results.metrics if m.name == "image->sentence/finding_f1_micro_positive@2")
    assert f"{found.value:.3f}" in text
    assert f"[{found.low:.3f}, {found.high:.3f}]" in text
    assert "most frequent" in text


def test_one_film_is_in_the_page_at_one_size_however_often_it_is_shown(bare, small_world):
    image = ShownImage("f", str(small_world.image_path(small_world.table("images")["path"][0].as_py())))
    twice = dataclasses.replace(bare, examples=(Example("one", image=image), Example("two", image=image)))
    addresses = re.findall(r'href="(data:[^"]+)"', page(twice, {}))
    assert len(addresses) == 2
    assert len(set(addresses)) == 1


def example(answer=None, **changes):
    answers = () if answer is None else (answer,)
    return Example("q1", "image->sentence", **{"answers": answers} | changes)


@pytest.mark.parametrize("agreement", ["agrees", "contradicts", "open"])
def test_answers_are_marked_by_agreement(bare, agreement):
    answer = Answer("1", text="Effusion.", labels=(ShownLabel("Edema", 1),), agreement=agreement)
    text = page(dataclasses.replace(bare, examples=(example(answer),)), {})
    assert f'<li class="answer {agreement}">' in text


@pytest.mark.parametrize(("state", "shown"), [(1, "Edema"), (0, "no edema"), (-1, "possible edema")])
def test_labels_are_said_by_their_state(bare, state, shown):
    text = page(dataclasses.replace(bare, examples=(example(labels=(ShownLabel("Edema", state),)),)), {})
    assert f'<span class="chip ">{shown}</span>' in text


@pytest.mark.parametrize(
    ("state", "shown"), [(1, "No Finding"), (0, "some finding"), (-1, "possible no finding")]
)
def test_a_denied_normal_chest_is_no_double_denial(bare, state, shown):
    label = ShownLabel("No Finding", state)
    text = page(dataclasses.replace(bare, examples=(example(labels=(label,)),)), {})
    assert f'<span class="chip ">{shown}</span>' in text


def test_texts_are_escaped(bare, taken_apart):
    query = (ShownSentence("<b>asked</b> & answered", "query"),)
    shown = example(Answer("1", text="a <script> b"), sentences=query)
    text = page(dataclasses.replace(bare, examples=(shown,)), {})
    taken_apart(text)
    assert "&lt;b&gt;asked&lt;/b&gt; &amp; answered" in text
    assert "<script" not in text


def test_films_shown_for_their_score_say_how_they_were_called(bare, small_world, taken_apart):
    image = ShownImage("<f>", str(small_world.image_path(small_world.table("images")["path"][0].as_py())))
    answer = Answer(
        "labelled negative", "called positive · score 0.250", image=image, agreement="contradicts"
    )
    results = dataclasses.replace(bare, examples=(example(answer),), introduction="The worst & the best.")
    text = page(results, {})
    assert taken_apart(text).all("svg")[-1]["aria-label"] == "film <f>, labelled negative"
    assert "called positive · score 0.250" in text
    assert "The worst &amp; the best." in text


def test_a_film_that_cannot_be_opened_says_so(bare, tmp_path):
    gone = example(image=ShownImage("f", str(tmp_path / "gone.png")))
    assert "The image cannot be opened." in page(dataclasses.replace(bare, examples=(gone,)), {})


def test_a_query_without_an_answer_says_so(bare):
    assert "Nothing was retrieved." in page(dataclasses.replace(bare, examples=(example(),)), {})


NOTHING = Metric(
    *("a/auroc", None, None, None, 9), note="nothing to divide by", title="AUROC", better="higher", support=0
)


def test_a_score_that_is_not_computable_shows_a_dash_and_the_reason(bare):
    text = page(dataclasses.replace(bare, metrics=(NOTHING,)), {})
    assert '<td data-label="model">–<sup class="mark">1</sup></td>' in text
    assert re.search(r'<ol class="notes">\s*<li>nothing to divide by</li>', text)


def test_every_row_of_a_table_has_its_scores_or_an_empty_cell(bare):
    found = dataclasses.replace(NOTHING, name="b", value=0.5, low=0.4, high=0.6, note=None)
    rows = {"Edema": ("a/auroc", "b"), "Nodule": ("gone", "gone too")}
    table = ScoreTable("Observations", "Some & all.", "observation", ("AUROC", "F1"), rows)
    text = page(dataclasses.replace(bare, metrics=(NOTHING, found), tables=(table,)), {})
    [body] = re.findall(r'class="sheet observations stacks".*?</table>', text, re.DOTALL)
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in body.split("<tr>")[2:]]
    assert [len(row) for row in cells] == [4, 4]
    assert cells[0][2] == '–<sup class="mark">1</sup>'
    assert "0.50" in cells[0][3]
    assert cells[1] == ["", "", "", ""]


def test_every_observation_of_a_classification_is_a_row(classified):
    text = page(dataclasses.replace(classified, examples=()), {})
    for name in classified.protocol["observations"]:
        assert f'<th scope="row">{name}</th>' in text


def test_subgroups_are_counted_and_apart(classified):
    assert "<summary>2 subgroups</summary>" in page(dataclasses.replace(classified, examples=()), {})


def test_a_link_leads_to_a_part_of_the_page(classified, taken_apart):
    taken = taken_apart(page(classified, {}))
    places = {attributes["id"] for _, attributes in taken.tags if "id" in attributes}
    links = {one["href"].removeprefix("#") for one in taken.all("a")}
    assert links
    assert links <= places


@pytest.mark.parametrize(("rows", "folded"), [(20, 0), (40, 1)])
def test_a_long_table_is_folded(bare, rows, folded):
    cells = {str(number): ("a/auroc",) for number in range(rows)}
    table = ScoreTable("Observations", "", "observation", ("AUROC",), cells)
    text = page(dataclasses.replace(bare, metrics=(NOTHING,), tables=(table,)), {})
    assert text.count(f"<summary>{rows} rows</summary>") == folded


def test_every_film_can_be_enlarged_by_its_name(text, taken_apart):
    taken = taken_apart(text)
    films = [svg for svg in taken.all("svg") if svg["class"].startswith("film ")]
    switches = [one["aria-label"] for one in taken.all("input")]
    assert switches == [f"Enlarge {film['aria-label']}" for film in films]
