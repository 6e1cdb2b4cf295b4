"""A region model asked about films: with prompts, with boxes, for a report; and asked badly."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plainfilm import load
from plainfilm.cli.main import run
from plainfilm.errors import UsageError
from plainfilm.labelling import Labeller
from plainfilm.predictor import Predictor, grounded_report
from plainfilm.predictor.grounded_report import ReportPrompts, denies, distinct_boxes, without_repeats
from tests.region_toys import write_region_model

PROMPTS = ["Pleural effusion", "Left pleural effusion", "The right lung is clear.", "Cardiomegaly"]
SHORT = ReportPrompts(findings=("Pleural effusion", "Cardiomegaly"), regions=("Right lung", "Left lung"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_region_model(tmp_path_factory.mktemp("region") / "model")


@pytest.fixture(scope="module")
def predictor(folder: Path) -> Predictor:
    return load(folder)


def film(width: int = 120, height: int = 100, seed: int = 0) -> np.ndarray:
    smooth = np.random.default_rng(seed).integers(0, 255, (10, 12), dtype=np.uint8)
    return np.asarray(Image.fromarray(smooth).resize((width, height), Image.Resampling.BICUBIC))


def test_a_prompt_does_not_depend_on_the_others(predictor: Predictor) -> None:
    for together in predictor.locate(film(), PROMPTS):
        [alone] = predictor.locate(film(), together.text)
        np.testing.assert_allclose(alone.boxes / 120, together.boxes / 120, atol=1e-6)
        np.testing.assert_allclose(alone.scores, together.scores, atol=1e-6)


def test_a_sentence_does_not_depend_on_what_else_is_asked(predictor: Predictor) -> None:
    boxes = [[10.0, 10, 60, 50], [40, 20, 100, 90], [12, 0, 110, 100]]
    assert predictor.describe(film(), boxes) == [predictor.describe(film(), [box])[0] for box in boxes]
    described = predictor.locate(film(), PROMPTS, describe=True)
    for one in described:
        [alone] = predictor.locate(film(), one.text, describe=True)
        assert (one.sentence, bool(one.sentence)) == (alone.sentence, True)
        [without] = predictor.locate(film(), one.text)
        np.testing.assert_allclose(without.boxes, one.boxes, atol=1e-4)
    assert len({one.sentence for one in described}) > 1


def test_a_study_of_one_film_has_its_grounded_report(predictor: Predictor) -> None:
    assert "writes_reports" in predictor.abilities
    assert predictor.most_films == 1
    written = list(predictor.write_reports([[film()], [film(seed=1)]]))
    assert [one.text for one in written] == [
        predictor.write_grounded_report(film(seed=seed)).text for seed in (0, 1)
    ]
    with pytest.raises(UsageError, match="a study with 2 images: model writes reports of one"):
        list(predictor.write_reports([[film(), film()]]))


def test_answers_repeat(predictor: Predictor) -> None:
    first, second = (predictor.write_grounded_report(film(), SHORT) for _ in range(2))
    assert first.text == second.text
    for one, other in zip(first.sentences, second.sentences, strict=True):
        assert np.array_equal(one.boxes, other.boxes)


def test_many_boxes_are_answered_one_by_one(predictor: Predictor) -> None:
    corners = np.sort(np.random.default_rng(1).uniform(10, 100, (200, 2, 2)), axis=1)
    boxes = np.concatenate([corners[:, 0], corners[:, 1] + 2], axis=1)
    found = predictor.describe(film(), boxes)
    assert len(found) == 200
    assert [predictor.describe(film(), [boxes[place]])[0] for place in (0, 63, 64, 199)] == [
        found[place] for place in (0, 63, 64, 199)
    ]


@pytest.mark.parametrize(
    ("prompt", "message"),
    [
        ("  ", "a prompt without a word"),
        ("?!", "a prompt without a word"),
        (
            "pleural effusion " * 250,
            r"prompt 'pleural effusion .*\.\.\.': has 50\d tokens, and model reads 24",
        ),
        ("肺炎 左側", "its words are not those that model was trained on"),
        ("левосторонний выпот", "its words are not those that model was trained on"),
    ],
)
def test_a_prompt_that_cannot_be_read_is_refused(predictor: Predictor, prompt: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        predictor.locate(film(), ["Pleural effusion", prompt])


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([130, 10, 140, 20], "box 130,10,140,20: lies outside the film of 120 x 100 pixels"),
        ([60, 10, 20, 50], "box 60,10,20,50: is inverted or empty"),
        ([10, 10, 10, 10], "box 10,10,10,10: is inverted or empty"),
        ([0, 10, 9, 50], "box 0,10,9,50: lies where the model does not look: it sees the middle square"),
        ([float("nan"), 0, 1, 1], "a box is four numbers"),
    ],
)
def test_a_box_that_cannot_be_looked_at_is_refused(
    predictor: Predictor, box: list[float], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        predictor.describe(film(), [[20, 20, 60, 60], box])


def test_a_box_of_one_pixel_is_described(predictor: Predictor) -> None:
    assert predictor.describe(film(), [[50, 50, 51, 51]])[0]


@pytest.mark.parametrize("size", [(64, 64), (6000, 5000)])
def test_boxes_lie_on_films_of_any_size(predictor: Predictor, size: tuple[int, int]) -> None:
    shown = film(*size)
    for found in predictor.locate(shown, PROMPTS):
        assert (found.boxes[:, :2] >= 0).all()
        assert (found.boxes[:, 2] <= size[0]).all()
        assert (found.boxes[:, 3] <= size[1]).all()
    small, large = (predictor.locate(film(*one), "Cardiomegaly")[0] for one in ((64, 64), (640, 640)))
    np.testing.assert_allclose(large.boxes / 10, small.boxes, atol=2)


def test_regions_are_vectors_in_the_space_of_texts(predictor: Predictor) -> None:
    found = predictor.encode_regions(film(), [[10, 10, 60, 60], [40, 20, 100, 90]])
    assert found.shape == (2, predictor.dimension)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_a_sentence_keeps_the_boxes_of_its_own_prompt(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    shows = np.array([False, True])  # the first region shows nothing, so that all later places move up
    monkeypatch.setattr(grounded_report, "_shows_a_finding", lambda *_: shows)
    monkeypatch.setattr(grounded_report, "denies", lambda *_: False)
    prompts = ReportPrompts(findings=SHORT.findings, regions=SHORT.regions, same=2, least_score=0.0)
    written = predictor.write_grounded_report(film(), prompts)
    assert [one.prompt for one in written.sentences] == ["Pleural effusion", "Cardiomegaly", "Left lung"]
    for one in written.sentences:
        [own] = predictor.locate(film(), one.prompt or "", describe=True)
        assert one.text == own.sentence
        np.testing.assert_allclose(
            one.boxes, own.boxes[distinct_boxes(own.boxes, own.scores, prompts)], atol=1e-4
        )


def test_a_sentence_that_is_not_localised_says_so(folder: Path, tmp_path: Path, capsys) -> None:
    Image.fromarray(film()).save(tmp_path / "film.png")
    asked = ["--find", "Cardiomegaly", "--box", "20,20,60,60", "--report", "--json"]
    assert run(["predict", str(folder), str(tmp_path / "film.png"), *asked]) == 0
    [entry] = json.loads(capsys.readouterr().out)
    assert entry["find"][0]["sentence"]
    assert entry["boxes"][0]["sentence"]
    for one in entry["report"]["sentences"]:
        assert one["localised"] == bool(one["boxes"])
        assert one["prompt"]


def test_answers_are_a_page(folder: Path, tmp_path: Path, capsys) -> None:
    Image.fromarray(film()).save(tmp_path / "<film>.png")
    Path(tmp_path / "no.png").write_bytes(b"no film")
    paths = [str(tmp_path / name) for name in ("<film>.png", "no.png")]
    page = tmp_path / "page.html"
    asked = ["--find", "Cardiomegaly", "--box", "20,20,60,60", "--report", "--html", str(page)]
    assert run(["predict", str(folder), *paths, *asked]) == 1
    capsys.readouterr()
    text = page.read_text("utf-8")
    assert text.count('<svg class="film large"') == 2
    assert "&lt;film&gt;.png" in text
    assert "<film>" not in text
    assert "Not usable" in text


def test_repeats_go_by_weight_as_stated() -> None:
    draw = np.random.default_rng(0)
    for _ in range(20):
        similar = draw.uniform(0.8, 1.0, (6, 6))
        similar = (similar + similar.T) / 2
        weights, kept = draw.random(6), draw.random(6) > 0.2
        limits = ReportPrompts(same=0.97, nearly_same=0.92, most=3)
        found = without_repeats(similar, weights, kept, limits)
        left = [place for place in range(6) if kept[place]]
        while len(left) > 1:
            pairs = [(similar[a, b], a, b) for a in left for b in left if a < b]
            value, a, b = max(pairs)
            if value < 0.97 and (value < 0.92 or len(left) <= 3):
                break
            left.remove(a if weights[a] < weights[b] else b)
        assert np.flatnonzero(found).tolist() == left


def test_boxes_that_lie_on_a_better_one_go() -> None:
    boxes = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [20, 20, 30, 30], [50, 50, 60, 60]], dtype=float)
    scores = np.array([0.6, 0.9, 0.7, 0.4], dtype=np.float32)
    assert distinct_boxes(boxes, scores, ReportPrompts()).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("No pleural effusion or pneumothorax.", True),
        ("Small left pleural effusion.", False),
        ("Cardiomegaly without pleural effusion.", False),
        ("The patient is rotated.", False),
    ],
)
def test_a_denial_has_no_place(text: str, expected: bool) -> None:
    assert denies(Labeller.load(details=False), text) is expected
