"""The documentation site: built without a warning, every link within it leads somewhere, nothing comes from
outside."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from tests.serve.browser import chromium

ROOT = Path(__file__).resolve().parents[1]
BUILT_IN = {"__comments"}


class Links(HTMLParser):
    """The ids of a page, its links, and what it loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.ids |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if tag in ("script", "img") and values.get("src"):
            self.loaded.append(values["src"])
        if tag == "link" and values.get("rel") in ("stylesheet", "icon"):
            self.loaded.append(values["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("material")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"^WARNING", done.stderr, re.MULTILINE), done.stderr
    return out


def test_every_page_of_the_menu_exists() -> None:
    def pages(entries):
        for entry in entries:
            value = next(iter(entry.values())) if isinstance(entry, dict) else entry
            yield from pages(value) if isinstance(value, list) else [value]

    named = set(pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    assert all((ROOT / "docs" / page).is_file() for page in named)
    written = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").glob("*.md")}
    assert written <= named


@pytest.mark.slow
def test_every_link_leads_somewhere(site: Path) -> None:
    pages = {page: Links(page.read_text("utf-8")) for page in site.rglob("*.html")}
    assert len(pages) > 60
    broken = []
    for page, found in pages.items():
        for link in (*found.links, *found.loaded):
            parts = urlsplit(link)
            if parts.scheme in ("http", "https", "mailto", "data") or link in (".", ""):
                continue
            target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
            known = pages[target].ids | BUILT_IN if target in pages else None
            fragment = unquote(parts.fragment)
            if not target.exists() or (fragment and known is not None and fragment not in known):
                broken.append((str(page.relative_to(site)), link))
    assert broken == []


@pytest.mark.slow
def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        loaded = Links(page.read_text("utf-8")).loaded
        assert not [one for one in loaded if urlsplit(one).scheme in ("http", "https")], page


@pytest.mark.slow
def test_the_reference_has_the_public_functions_with_their_errors(site: Path) -> None:
    text = (site / "reference.html").read_text("utf-8")
    for name in ("plainfilm.notebook.show", "plainfilm.predictor.Predictor", "plainfilm.datasets.Films"):
        assert f'id="{name}"' in text
    assert text.count("Raises:") + text.count("Raises") > 20


@pytest.mark.slow
def test_search_works_from_the_disk(site: Path) -> None:
    with chromium() as browser:
        page, asked = browser.new_page(), []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "index.html").as_uri())
        page.keyboard.press("f")
        page.keyboard.type("webdataset", delay=30)
        page.wait_for_selector(".md-search-result__item", timeout=30_000)
        found = page.locator(".md-search-result__link").first.get_attribute("href")
    assert "interchange" in found
    assert not [url for url in asked if url.startswith("http")]
