"""The workbench with work that is kept on the server, and with studies of an archive."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from plainfilm.predictor import Predictor
from plainfilm.serve import ServerSettings, app
from plainfilm.serve.work_store import WorkStore
from tests.dicom_output.films import film_file
from tests.dicomweb.orthanc import running
from tests.serve.browser import chromium, listening, page_at, serious_issues
from tests.serve.test_browser import ask, open_film

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


def saved(page: Any) -> None:
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    page.locator("#status", has_text="Saved on the server").wait_for()


def reopened(page: Any) -> None:
    page.keyboard.press("l")
    page.locator("#works [data-work]").first.click()
    page.locator("#stage canvas").wait_for()


def test_work_goes_on_in_another_browser_with_its_undo(
    browser: Any, predictor: Predictor, dicom_file: Path, tmp_path: Path
) -> None:
    served = app(predictor, settings=ServerSettings(work=tmp_path / "work"))
    with listening(served) as found:
        with page_at(browser, found) as page:
            open_film(page, dicom_file)
            ask(page, "pleural effusion", 1)
            page.locator(".card .accept").click()
            saved(page)
        with page_at(browser, found) as other:
            reopened(other)
            assert other.locator(".card.accepted").count() == 1
            other.keyboard.press("Control+z")
            assert other.locator(".card.proposed").count() == 1
            other.keyboard.press("Control+z")
            assert other.locator(".card").count() == 0
            other.keyboard.press("Control+Shift+Z")
            assert other.locator(".card.proposed").count() == 1


def test_work_goes_on_with_its_films_after_the_server_has_ended(
    browser: Any, predictor: Predictor, dicom_file: Path, png_file: Path, tmp_path: Path
) -> None:
    settings = ServerSettings(work=tmp_path / "work")
    with listening(app(predictor, settings=settings)) as found, page_at(browser, found) as page:
        open_film(page, dicom_file, png_file)
        ask(page, "pleural effusion", 1)
        saved(page)
    with listening(app(predictor, settings=settings)) as found, page_at(browser, found) as page:
        reopened(page)
        page.locator("#films li:nth-child(2) img").wait_for()
        assert page.locator("#films .missing").count() == 0
        page.locator("#films li:nth-child(2) button").click()
        page.locator(".card").wait_for()
        ask(page, "edema", 2)


def test_a_film_that_is_no_longer_held_is_opened_again_without_being_asked(
    browser: Any, predictor: Predictor, dicom_file: Path, tmp_path: Path
) -> None:
    served = app(predictor, settings=ServerSettings(work=tmp_path / "work"))
    films = served.state.service.films
    with listening(served) as found, page_at(browser, found, may_fail=404) as page:
        open_film(page, dicom_file)
        ask(page, "pleural effusion", 1)
        saved(page)
        for film in films.all():
            films.remove(film.film_id)
        ask(page, "edema", 2)
        assert len(films) == 1


def test_a_change_is_saved_without_being_asked(
    browser: Any, predictor: Predictor, dicom_file: Path, tmp_path: Path
) -> None:
    store = WorkStore(tmp_path / "work")
    served = app(predictor, settings=ServerSettings(work=tmp_path / "work"))
    with listening(served) as found, page_at(browser, found) as page:
        open_film(page, dicom_file)
        ask(page, "pleural effusion", 1)
        while not store.all():
            page.wait_for_timeout(100)
    assert store.all()[0]["sentences"] == 1


@pytest.mark.parametrize("choice", ["theirs", "mine"])
def test_a_conflict_loses_no_version(
    browser: Any, predictor: Predictor, dicom_file: Path, tmp_path: Path, choice: str
) -> None:
    store = WorkStore(tmp_path / "work")
    served = app(predictor, settings=ServerSettings(work=tmp_path / "work"))
    with (
        listening(served) as found,
        page_at(browser, found, may_fail=409) as page,
        page_at(browser, found) as other,
    ):
        open_film(page, dicom_file)
        ask(page, "pleural effusion", 1)
        saved(page)
        reopened(other)
        other.locator(".card .reject").click()
        saved(other)
        page.locator(".card .accept").click()
        page.keyboard.press("Escape")
        page.keyboard.press("s")
        page.locator("#question button", has_text=choice).click()
        shown = {"theirs": ".card.rejected", "mine": ".card.accepted"}[choice]
        page.locator(shown).wait_for()
        while len(store.all()) < 2:
            page.wait_for_timeout(100)
        page.wait_for_timeout(300)
    kept = [store.read(one["work_id"]).decode() for one in store.all()]
    assert sorted('"state": "accepted"' in one.partition('"past"')[0] for one in kept) == [False, True]
    assert sorted('"state": "rejected"' in one.partition('"past"')[0] for one in kept) == [False, True]


@pytest.mark.parametrize("width", [1400, 800])
def test_axe_finds_no_serious_issue_in_the_dialogs(
    browser: Any, predictor: Predictor, dicom_file: Path, tmp_path: Path, width: int
) -> None:
    settings = ServerSettings(work=tmp_path, dicomweb="http://127.0.0.1:9/dicom-web")
    with (
        listening(app(predictor, settings=settings)) as found,
        page_at(browser, found, width=width, may_fail=502) as page,
    ):
        open_film(page, dicom_file)
        ask(page, "pleural effusion", 1)
        saved(page)
        page.keyboard.press("l")
        page.locator("[data-work]").wait_for()
        assert serious_issues(page) == []
        page.keyboard.press("Escape")
        page.keyboard.press("y")
        page.keyboard.press("Enter")
        page.locator("#archive", has_text="The archive does not answer").wait_for()
        assert serious_issues(page) == []


def test_a_study_of_the_archive_is_found_and_opened_by_keyboard(
    browser: Any, predictor: Predictor, tmp_path: Path
) -> None:
    with running(tmp_path) as server:
        for number, view in enumerate(("PA", "LL"), start=1):
            identity = {"SOPInstanceUID": f"1.2.7.9.{number}", "StudyInstanceUID": "1.2.7.1"}
            identity |= {"SeriesInstanceUID": f"1.2.7.1.{number}", "PatientID": "Q-1", "ViewPosition": view}
            server.put(film_file(tmp_path / f"{number}.dcm", StudyDate="20260102", **identity))
        settings = ServerSettings(dicomweb=server.url)
        with listening(app(predictor, settings=settings)) as found, page_at(browser, found) as page:
            page.keyboard.press("y")
            page.keyboard.type("Q-1")
            page.keyboard.press("Enter")
            study = page.locator("[data-study]")
            study.wait_for()
            assert "2026-01-02" in study.inner_text()
            study.focus()
            page.keyboard.press("Enter")
            page.locator("#films li:nth-child(2) img").wait_for()
            assert sorted(page.locator("#films .name").all_inner_texts()) == [
                "2026-01-02 LATERAL",
                "2026-01-02 PA",
            ]
            ask(page, "pleural effusion", 1)
