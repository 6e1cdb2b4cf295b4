"""The workbench as a person uses it, in Debian's Chromium."""

from __future__ import annotations

import base64
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from plainfilm.bank import Bank
from plainfilm.dicom_output.read_report import read_report
from plainfilm.io.images import read_image, read_values
from plainfilm.predictor import Predictor
from plainfilm.serve import app
from plainfilm.sources import workbench
from plainfilm.sources.common.saved_work import SavedWork
from plainfilm.types import Study
from tests.dicom_output.films import film_file
from tests.serve.browser import chromium, listening, page_at, serious_issues


@pytest.fixture(scope="module")
def address(predictor: Predictor, bank: Bank) -> Iterator[str]:
    with listening(app(predictor, bank)) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def page(browser: Any, address: str) -> Iterator[Any]:
    with page_at(browser, address) as found:
        yield found


def open_film(page: Any, *files: Path) -> None:
    page.set_input_files("#chooser", [str(file) for file in files])
    page.locator("#stage canvas").wait_for()
    page.locator(f"#films li:nth-child({len(files)}) img").wait_for()


def ask(page: Any, phrase: str, count: int) -> None:
    page.fill("#phrase", phrase)
    page.press("#phrase", "Enter")
    page.locator(f"#sentences li:nth-child({count}) .card").wait_for()


def show_all_boxes(page: Any) -> None:
    page.locator("#threshold").focus()
    page.keyboard.press("Home")


def draw(page: Any, x0: float, y0: float, x1: float, y1: float) -> None:
    """Drag from one point to another, as shares of the viewport."""
    place = page.locator("#viewport").bounding_box()
    at = [
        (place["x"] + x * place["width"], place["y"] + y * place["height"]) for x, y in ((x0, y0), (x1, y1))
    ]
    page.mouse.move(*at[0])
    page.mouse.down()
    page.mouse.move(*at[1], steps=4)
    page.mouse.up()


def saved(page: Any, press: Any) -> tuple[dict[str, Any], bytes]:
    """The document of a download, and its bytes."""
    with page.expect_download() as waiting:
        press()
    content = Path(waiting.value.path()).read_bytes()
    return json.loads(content), content


def test_a_film_is_opened_and_a_phrase_is_found(page: Any, dicom_file: Path) -> None:
    assert page.locator(".notice").inner_text() == "Research software. Not a medical device."
    open_film(page, dicom_file)
    ask(page, "pleural effusion", 1)
    show_all_boxes(page)
    assert page.locator(".box").count() >= 1
    page.locator(".card").first.hover()
    assert page.locator(".box.lit").count() == page.locator(".box").count()
    page.locator(".box").first.focus()
    assert "pleural effusion" in page.locator(".card.chosen").inner_text()


@pytest.mark.slow
def test_sentences_of_a_report_light_their_boxes_and_boxes_their_sentence(
    page: Any, predictor: Predictor, dicom_file: Path
) -> None:
    written = predictor.write_grounded_report(dicom_file).sentences
    open_film(page, dicom_file)
    ask(page, "pleural effusion", 1)
    page.click("text=Write report")
    page.locator(f"#sentences li:nth-child({1 + len(written)}) .card").wait_for()
    show_all_boxes(page)
    asked = page.locator(".box").count() - sum(len(one.boxes) for one in written)
    assert asked >= 1
    for place, one in enumerate(written, start=2):
        card = page.locator(f"#sentences li:nth-child({place}) .card")
        assert one.prompt in card.locator(".origin").inner_text()
        card.hover()
        name = card.get_attribute("data-sentence")
        lit = page.locator(".box.lit").evaluate_all("boxes => boxes.map((box) => box.dataset.sentence)")
        assert lit == [name] * len(one.boxes)
        for box in page.locator(f".box[data-sentence='{name}']").all():
            box.dispatch_event("pointerenter")
            assert page.locator(".card.lit").get_attribute("data-sentence") == name


@pytest.mark.slow
def test_a_map_lies_over_what_the_model_sees(page: Any, predictor: Predictor, dicom_file: Path) -> None:
    found = predictor.similarity_map(dicom_file, "pleural effusion")
    open_film(page, dicom_file)
    page.fill("#phrase", "pleural effusion")
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    page.locator("#legend").wait_for()
    ends = page.locator("#legend span").all_inner_texts()
    assert ends == [f"{found.low:.3f}", f"{found.high:.3f}"]
    film, heat = (page.locator(name).bounding_box() for name in ("#stage canvas", "#heat"))
    scale = film["width"] / 100
    x0, y0, x1, y1 = found.extent() * scale
    assert [heat["x"] - film["x"], heat["y"] - film["y"]] == pytest.approx([x0, y0], abs=1)
    assert [heat["width"], heat["height"]] == pytest.approx([x1 - x0, y1 - y0], abs=1)
    uri = page.evaluate("() => document.querySelector('#heat').toDataURL()")
    colours = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))[..., :3]
    row, column = np.unravel_index(np.argmax(colours.sum(axis=2)), colours.shape[:2])
    at = (column * (x1 - x0) / len(colours) + x0, row * (y1 - y0) / len(colours) + y0)
    patch = (x1 - x0) / len(found.grid)
    assert at == pytest.approx(tuple(scale * np.array(found.peak())), abs=patch / 2 + 1)
    page.keyboard.press("m")
    assert not page.locator("#heat").is_visible()


@pytest.mark.slow
@pytest.mark.parametrize("verdict", ["accepted", "edited"])
def test_a_sentence_that_a_person_stands_for_has_no_box_that_was_hidden(
    page: Any, dicom_file: Path, verdict: str
) -> None:
    open_film(page, dicom_file)
    ask(page, "pleural effusion", 1)
    page.locator("#threshold").focus()
    page.keyboard.press("End")  # the largest score hides all boxes
    if verdict == "accepted":
        page.locator(".card .accept").click()
    else:
        page.locator(".card .edit").click()
        page.locator(".card textarea").fill("An effusion.")
        page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    work, _ = saved(page, lambda: page.keyboard.press("s"))
    (sentence,) = work["films"][0]["sentences"]
    assert (sentence["state"], sentence["boxes"]) == (verdict, [])
    assert sentence["original"]["boxes"]


@pytest.mark.slow
def test_two_phrases_two_models_and_two_films_are_side_by_side(
    browser: Any, predictor: Predictor, other_predictor: Predictor, dicom_file: Path, png_file: Path
) -> None:
    served = app(predictor, others=[other_predictor])
    with listening(served) as found, page_at(browser, found) as page:
        open_film(page, png_file, dicom_file)
        page.locator("#status", has_text="W 2999").wait_for()
        show_all_boxes(page)
        ask(page, "pleural effusion", 1)
        page.keyboard.press("Escape")
        page.keyboard.press("c")
        of_other = scores_beside(page, "pleural effusion")
        assert of_other == pytest.approx(scores(other_predictor, dicom_file, "pleural effusion"), abs=0.011)
        page.select_option("#beside-model", index=0)
        of_first = scores_beside(page, "pleural effusion")
        assert of_first == pytest.approx(scores(predictor, dicom_file, "pleural effusion"), abs=0.011)
        page.fill("#beside-phrase", "edema")
        page.press("#beside-phrase", "Enter")
        assert scores_beside(page, "edema") == pytest.approx(
            scores(predictor, dicom_file, "edema"), abs=0.011
        )
        assert page.locator("#sentences .card").count() == 1  # what is compared is no work
        page.select_option("#beside-film", index=0)
        page.locator("#beside-said", has_text="edema").wait_for()
        assert scores_beside(page, "edema") == pytest.approx(scores(predictor, png_file, "edema"), abs=0.011)
        page.locator("#threshold").focus()
        page.keyboard.press("End")  # the largest score hides all boxes, in both views
        page.locator("#beside-said", has_text="edema: boxes 0").wait_for()
        page.keyboard.press("Escape")
        page.keyboard.press("c")
        assert not page.locator("#beside").is_visible()


def scores(model: Predictor, file: Path, phrase: str) -> list[float]:
    (found,) = model.locate(file, [phrase])
    return [float(score) for score in found.scores]


def scores_beside(page: Any, phrase: str) -> list[float]:
    """The scores of the boxes that are shown beside, once they are those of the phrase."""
    page.locator("#beside-said", has_text=f"{phrase}: boxes").wait_for()
    return [float(words) for words in page.locator("#beside-view .box title").all_text_contents()]


@pytest.mark.slow
def test_what_is_side_by_side_moves_together(page: Any, dicom_file: Path) -> None:
    open_film(page, dicom_file)
    page.locator("#status", has_text="W 2999").wait_for()
    page.keyboard.press("c")
    page.locator("#beside-view canvas").first.wait_for()
    page.keyboard.press("Escape")
    for key in ("+", "+", "ArrowRight", ",", "i", "r"):
        page.keyboard.press(key)
    page.wait_for_timeout(150)  # both are drawn with the next frame
    one, other = (centre_of_view(page, name) for name in ("#viewport", "#beside-view"))
    assert one == pytest.approx(other, abs=0.01)
    canvases = "() => [...document.querySelectorAll('.stage canvas')].map((canvas) => canvas.toDataURL())"
    first, second = page.evaluate(canvases)
    assert first == second
    page.click("#beside-linked")
    page.locator("#beside-view").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(150)
    assert centre_of_view(page, "#viewport") == one
    assert centre_of_view(page, "#beside-view") != pytest.approx(one, abs=0.01)


def centre_of_view(page: Any, name: str) -> list[float]:
    """The point of the film in the middle of a view, and where its first axis points."""
    measured = """(name) => {
      const view = document.querySelector(name);
      const matrix = new DOMMatrix(getComputedStyle(view.querySelector(".stage")).transform);
      const half = new DOMPoint(view.clientWidth / 2, view.clientHeight / 2);
      const middle = half.matrixTransform(matrix.inverse());
      return [middle.x, middle.y, Math.sign(Math.round(matrix.a)), Math.sign(Math.round(matrix.b))];
    }"""
    return page.evaluate(measured, name)


@pytest.mark.slow
def test_accepted_sentences_are_exported_as_dicom(page: Any, tmp_path: Path) -> None:
    open_film(page, film_file(tmp_path / "chest.dcm"))
    ask(page, "pleural effusion", 1)
    page.locator("li:nth-child(1) .card .accept").click()
    page.keyboard.press("Escape")
    page.keyboard.press("u")
    with page.expect_download() as waiting:
        page.click("[data-format=dicom]")
    with zipfile.ZipFile(waiting.value.path()) as archive:
        archive.extractall(tmp_path / "out")
    (results,) = read_report(tmp_path / "out" / "001" / "sr-1.2.3.4.1.dcm").films.values()
    assert {one.name for one in results.annotations} == {"pleural effusion"}
    assert all(one.box for one in results.annotations)


@pytest.mark.slow
def test_work_is_edited_saved_reopened_and_prepared(
    page: Any, browser: Any, address: str, dicom_file: Path, png_file: Path, tmp_path: Path
) -> None:
    open_film(page, png_file, dicom_file)
    ask(page, "pleural effusion", 1)
    page.click("[data-action=tool-box]")
    draw(page, 0.45, 0.3, 0.6, 0.6)
    page.locator("li:nth-child(2) .card .words:not(.none)").wait_for()
    page.keyboard.press("e")
    page.locator(".card textarea").fill("Opacity in the right lower zone.")
    page.keyboard.press("Enter")
    page.locator("li:nth-child(1) .card .reject").click()
    page.click("#tab-findings")
    page.locator(".states .positive").first.click()
    page.click("#tab-facts")
    page.fill("#film-patient", "case 7")
    page.keyboard.press("Tab")
    work, content = saved(page, lambda: page.click("[data-action=save]"))
    film = SavedWork.model_validate(work).films[1]
    assert [one.state for one in film.sentences] == ["rejected", "edited"]
    assert film.text == "Opacity in the right lower zone."
    assert film.patient == "case 7"
    assert list(film.labels.values()) == ["positive"]

    (tmp_path / "work.json").write_bytes(content)
    coco, _ = saved(
        page,
        lambda: (page.keyboard.press("Escape"), page.keyboard.press("u"), page.click("[data-format=coco]")),
    )
    (box,) = film.sentences[1].boxes
    (annotation,) = coco["annotations"]
    assert annotation["bbox"] == pytest.approx([box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0])

    with page_at(browser, address) as other:
        other.set_input_files("#chooser", str(tmp_path / "work.json"))
        other.locator("#films li:nth-child(2)").wait_for()
        other.click("#films li:nth-child(2) button")
        other.locator("#stage canvas").wait_for()
        assert other.locator(".card.edited .words").inner_text() == "Opacity in the right lower zone."
        assert other.locator(".box.edited").count() == 1

    (tmp_path / "films").mkdir()
    for file in (dicom_file, png_file):
        (tmp_path / "films" / file.name).write_bytes(file.read_bytes())
    studies = [item for item in workbench.read(tmp_path, workbench.Config()) if isinstance(item, Study)]
    assert [study.report and study.report.text for study in studies] == [None, film.text]
    assert len(studies[1].images[0].boxes) == 1


@pytest.mark.slow
def test_everything_is_done_by_keyboard_alone(page: Any, dicom_file: Path) -> None:
    press = page.keyboard.press
    page.on("filechooser", lambda _: None)  # so that Playwright takes dialogs over before the key is pressed
    page.evaluate("() => 1")
    with page.expect_file_chooser() as chooser:
        press("o")
    chooser.value.set_files(str(dicom_file))
    page.locator("#stage canvas").wait_for()
    press("/")
    page.keyboard.type("pleural effusion")
    press("Enter")
    page.locator(".card").wait_for()
    press("Escape")
    press("b")
    page.locator("li:nth-child(2) .card .words:not(.none)").wait_for()
    rect = page.locator(".box.selected rect")
    x, width = (float(rect.get_attribute(name)) for name in ("x", "width"))
    press("ArrowRight")
    press("Alt+ArrowRight")
    rect = page.locator(".box.selected rect")
    assert float(rect.get_attribute("x")) > x
    assert float(rect.get_attribute("width")) > width
    press("e")
    page.keyboard.type("Opacity. ")
    press("Enter")
    assert page.locator(".card.edited").count() == 1
    press("Control+z")
    assert page.locator(".card.edited").count() == 0
    press("Control+Shift+Z")
    assert page.locator(".card.edited").count() == 1
    press("p")
    press("x")
    assert page.locator(".card.rejected").count() == 1
    press("a")
    assert page.locator(".card.accepted").count() == 1
    press("Delete")
    assert page.locator(".card").count() == 1
    for key in ("i", "r", "+", "[", ".", "t", "f", "0"):
        press(key)
    press("2")
    assert page.locator("#findings").is_visible()
    work, _ = saved(page, lambda: press("s"))
    assert len(work["films"][0]["sentences"]) == 1


@pytest.mark.slow
@pytest.mark.parametrize("renderer", ["", "table"])
def test_window_and_level_show_all_bits(browser: Any, address: str, dicom_file: Path, renderer: str) -> None:
    """The graphics and the look-up table draw what the model sees, and all bits of it in a narrow window."""
    with page_at(browser, f"{address}?renderer={renderer}" if renderer else address) as page:
        open_film(page, dicom_file)
        page.locator("#status", has_text="W 2999").wait_for()
        assert np.abs(drawn(page) - read_image(dicom_file).array).max() <= 1
        for _ in range(4):
            page.keyboard.press(",")
        page.locator("#status", has_text="W 1968").wait_for()
        values = read_values(dicom_file)
        narrow = (values.values - (1999.5 - 984)) / 1968 * 255
        assert np.abs(drawn(page) - np.clip(narrow, 0, 255)).max() <= 2


def drawn(page: Any) -> Any:
    """The grey values that the canvas of the film holds."""
    page.wait_for_timeout(100)  # the canvas is drawn with the next frame
    uri = page.evaluate("() => document.querySelector('#stage canvas').toDataURL()")
    picture = Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
    return np.asarray(picture.convert("L")).astype(float)


@pytest.mark.slow
def test_the_page_speaks_chinese(page: Any, dicom_file: Path) -> None:
    page.select_option("#language", "zh-Hant")
    open_film(page, dicom_file)
    assert page.locator("html").get_attribute("lang") == "zh-Hant"
    assert page.locator(".notice").inner_text() == "研究用軟體，非醫療器材。"
    page.click("#tab-findings")
    assert "肋膜積液" in page.locator("#findings").inner_text()


@pytest.mark.slow
@pytest.mark.parametrize("width", [1400, 800])
def test_axe_finds_no_serious_issue(browser: Any, address: str, dicom_file: Path, width: int) -> None:
    with page_at(browser, address, width=width) as page:

        def check(state: str) -> None:
            assert (state, serious_issues(page)) == (state, [])
            assert (state, cut_off(page)) == (state, [])

        check("empty")
        open_film(page, dicom_file)
        ask(page, "pleural effusion", 1)
        show_all_boxes(page)
        check("found")
        for tab in ("findings", "similar", "facts"):
            page.click(f"#tab-{tab}")
            check(tab)
        page.keyboard.press("Escape")
        page.keyboard.press("c")
        page.locator("#beside-said", has_text="pleural effusion").wait_for()
        check("side by side")
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        check("help")


def cut_off(page: Any) -> list[str]:
    """The buttons, fields and headings in sight of which a part lies beyond the right edge of the page."""
    return page.evaluate("""() => [...document.querySelectorAll("button, input, select, th, td, h2")]
      .filter((node) => node.checkVisibility() && node.getBoundingClientRect().right > innerWidth + 0.5)
      .map((node) => node.outerHTML.slice(0, 120))""")


def test_a_server_with_a_token_asks_for_it(predictor: Predictor, browser: Any, dicom_file: Path) -> None:
    from plainfilm.serve import ServerSettings

    token = "a-token-of-this-test"
    with (
        listening(app(predictor, settings=ServerSettings(token=token))) as found,
        page_at(browser, f"{found}#token={token}") as page,
    ):
        assert token not in page.url
        open_film(page, dicom_file)
