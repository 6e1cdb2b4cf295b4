"""A task of somebody else's, with boxes and sentences, is shown right in text, page and comparison."""

from __future__ import annotations

import json
import re

import pytest

from plainfilm.cli.main import run
from plainfilm.results import write
from plainfilm.results.compare import as_lines, compare, read
from plainfilm.results.page import page
from plainfilm.results.text import lines
from tests.results.conftest import GROUNDING


@pytest.fixture(scope="module")
def grounding(grounded):
    return grounded()


@pytest.fixture(scope="module")
def taken(grounding, taken_apart):
    return taken_apart(page(grounding, {}))


def test_the_summary_has_titles_directions_and_headlines_only(grounding):
    first, second = (re.split(r"\s{2,}", line)[:2] for line in lines(grounding.headline))
    assert first == ["finding boxes", "mean overlap of boxes ↑"]
    assert second == ["finding boxes", "distance of centres ↓"]


def test_the_command_line_prints_them(tiny_model, small_world, tmp_path, capsys):
    command = ["evaluate", GROUNDING, str(tiny_model), str(small_world.path), "--out", str(tmp_path / "out")]
    assert run([*command, "shift=6"]) == 0
    printed = capsys.readouterr().out
    assert "mean overlap of boxes ↑" in printed
    assert "boxes found at 0.5" not in printed
    document = json.loads((tmp_path / "out" / "results.json").read_text())
    found = {metric["name"]: metric for metric in document["metrics"]}
    assert found["grounding/centre_distance"]["better"] == "lower"
    assert found["grounding/miou"]["title"] == "mean overlap of boxes"
    assert [metric["headline"] for metric in document["metrics"]] == [True, True, False]


def test_the_page_leads_with_the_headlines(grounding):
    scores = page(grounding, {}).partition('<h2 id="examples">')[0]
    assert "mean overlap of boxes" in scores
    assert "boxes found at 0.5" not in scores
    assert scores.index("distance of centres") < scores.index('title="lower is better"')


def test_boxes_are_drawn_in_pixels_of_the_stored_image(taken, grounding):
    [film, *_] = [svg for svg in taken.all("svg") if svg["class"].startswith("film")]
    assert film["viewbox"] == "0 0 64 72"
    box = grounding.examples[0].image.boxes[0]
    rectangle = next(one for one in taken.all("rect") if "vector-effect" in one)
    assert [float(rectangle[key]) for key in ("x", "y", "width", "height")] == pytest.approx(
        [box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0]
    )


def test_boxes_have_names_that_can_be_read_aloud(taken):
    labels = [group["aria-label"] for group in taken.all("g")]
    assert "truth: Pleural Effusion" in labels
    assert "prediction: Edema <maybe> 0.21" in labels


def test_pointing_at_a_sentence_lights_its_boxes_by_css_alone(taken, grounding):
    text = page(grounding, {})
    assert ".case:has(.s1:is(:hover, :focus)) .for-s1" in text
    lit = [group["class"] for group in taken.all("g") if "for-s1" in group["class"].split()]
    assert lit
    assert all("b1" in one.split() for one in lit)
    sentences = [one for one in taken.all("li") if "linked" in one.get("class", "")]
    assert {one["tabindex"] for one in sentences} == {"0"}


def test_sentences_probabilities_and_agreement_are_shown(grounding):
    text = page(grounding, {})
    assert "There is an effusion &amp; more." in text
    assert re.search(r'sentence s2 contradicts[^>]*><span class="role">✗ prediction</span>Edema\.', text)
    assert '0.83 <span class="soft">present</span>' in text


def test_a_comparison_says_which_is_better_in_the_direction_of_each_score(grounded, tmp_path):
    write(grounded(shift=2.0), tmp_path / "near")
    write(grounded(shift=9.0), tmp_path / "far")
    found = {one.name: one for one in compare(read(tmp_path / "far"), read(tmp_path / "near"))}
    assert found["grounding/miou"].difference > 0
    assert found["grounding/centre_distance"].difference < 0
    assert {one.verdict for one in found.values()} == {"better"}
    table = as_lines("far", "near", list(found.values()))
    assert table[1].startswith("finding boxes  mean overlap of boxes ↑")
    assert table[1].endswith("* better")
    worse = compare(read(tmp_path / "near"), read(tmp_path / "far"))
    assert {one.verdict for one in worse} == {"worse"}


def test_a_key_that_the_task_says_must_match_is_held_to(grounded, tmp_path):
    from dataclasses import replace

    from plainfilm.errors import DataError

    first = grounded()
    write(first, tmp_path / "first")
    write(replace(first, protocol={**first.protocol, "side": 12.0}), tmp_path / "second")
    with pytest.raises(DataError, match=r"has side 24\.0, .* has 12\.0"):
        compare(read(tmp_path / "first"), read(tmp_path / "second"))
