"""The files of the page: small, in two languages, documented, and with nothing from elsewhere."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from plainfilm.serve import routes
from plainfilm.serve.routes.page import FOLDER

FILES = [path for path in sorted(FOLDER.rglob("*")) if path.is_file()]
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
DOCUMENTED = (Path(__file__).resolve().parents[2] / "docs" / "workbench.md").read_text("utf-8")


def texts(language: str) -> dict[str, str]:
    return json.loads((FOLDER / "texts" / f"{language}.json").read_text("utf-8"))


def test_all_files_are_below_300_kilobytes() -> None:
    assert sum(path.stat().st_size for path in FILES) < 300_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_comes_from_elsewhere(path: Path) -> None:
    addresses = set(re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"')]*", path.read_text("utf-8")))
    assert {one for one in addresses if not one.startswith("http://www.w3.org/")} == set()


def test_the_page_has_no_inline_code_or_style() -> None:
    page = (FOLDER / "index.html").read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|<script(?![^>]*\ssrc=)", page)
    scripts = "".join(path.read_text("utf-8") for path in SCRIPTS)
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", scripts
    )


def test_both_languages_have_the_same_texts_with_the_same_places() -> None:
    english, chinese = texts("en"), texts("zh-Hant")
    assert {name for name in chinese if not name.startswith("term:")} == set(english)
    for name, words in english.items():
        assert set(re.findall(r"\{\w+\}", words)) == set(re.findall(r"\{\w+\}", chinese[name])), name


def test_every_text_that_is_used_is_there() -> None:
    known = texts("en")
    page = (FOLDER / "index.html").read_text("utf-8")
    used = set(re.findall(r'data-(?:text|label)="(\w+)"', page))
    for path in SCRIPTS:
        used |= set(re.findall(r'\btext\("([\w-]+)"', path.read_text("utf-8")))
    assert used <= set(known)


def test_every_group_of_routes_that_may_be_offered_has_a_name() -> None:
    modules = Path(str(routes.__file__)).parent.glob("*.py")
    offered = {path.stem for path in modules if "\ndef offered(" in path.read_text("utf-8")}
    assert {name.removeprefix("offer_") for name in texts("en") if name.startswith("offer_")} == offered


def test_every_key_has_a_text_and_is_documented() -> None:
    keys = json.loads((FOLDER / "keys.json").read_text("utf-8"))
    known = texts("en")
    plain = [one["key"] for one in keys if "on" not in one]
    assert len(set(plain)) == len(plain)
    for one in keys:
        row = f"| `{one['key']}` | {known['do_' + one['action']]}"
        assert row in DOCUMENTED, row
