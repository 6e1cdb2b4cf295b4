"""Chromium on the page of a server, for tests; they skip where there is none."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextmanager
def listening(application: FastAPI) -> Iterator[str]:
    """The address of a server that runs while open."""
    server = uvicorn.Server(uvicorn.Config(application, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of Playwright's."""
    if CHROMIUM is None:
        pytest.skip("no browser is here: install Debian's chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def page_at(
    browser: Any, address: str, width: int = 1400, height: int = 900, may_fail: int | None = None
) -> Iterator[Any]:
    """The workbench in a window; an error of the page or a request to elsewhere fails the test, but
    for answers of the status `may_fail`, which the browser lists among its errors."""
    context = browser.new_context(viewport={"width": width, "height": height}, locale="en-GB")
    page, wrong = context.new_page(), []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: _is_wrong(message, may_fail) and wrong.append(message.text))
    page.on("request", lambda request: _is_elsewhere(request.url, address) and wrong.append(request.url))
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    try:
        yield page
    finally:
        context.close()
    assert wrong == []


def _is_wrong(message: Any, may_fail: int | None) -> bool:
    return message.type == "error" and f"status of {may_fail} " not in message.text


def serious_issues(page: Any) -> list[tuple[str, str]]:
    """What axe finds wrong with the page as it is, seriously or worse: the rule and the element."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    return [(one["id"], one["nodes"][0]["html"]) for one in serious]


def _is_elsewhere(url: str, address: str) -> bool:
    return not url.startswith((address.partition("#")[0].partition("?")[0], "blob:"))
