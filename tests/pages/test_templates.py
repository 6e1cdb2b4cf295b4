"""Pages come from templates alone: no HTML in Python, everything escaped, one policy for all."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import jinja2
import pytest

import plainfilm
from plainfilm.pages import render
from plainfilm.pages.render import _environment

ROOT = Path(plainfilm.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
TAGS = re.compile(
    r"</?(a|article|b|body|br|button|dd|details|div|dl|dt|figure|form|h[1-6]|head|html|img|input|li|main|mark|meta|"
    r"ol|p|path|pre|rect|script|section|span|style|summary|svg|table|tbody|td|th|thead|title|tr|ul)\b[^>]*>"
)
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
TEMPLATES = [
    str(path.relative_to(ROOT))
    for path in sorted(ROOT.rglob("*.html"))
    if "extends" in path.read_text("utf-8")
]


def literals(path: Path) -> list[str]:
    """The strings of a source, f-strings with their holes left out; docstrings are prose and do not count."""
    tree = ast.parse(path.read_text("utf-8"))
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    parts = [
        node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    joined = [
        "".join(str(part.value) if isinstance(part, ast.Constant) else "" for part in node.values)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
    ]
    return [*joined, *(node.value for node in parts if id(node) not in prose)]


def test_no_python_source_holds_html():
    found = [
        (str(path.relative_to(ROOT)), text[:60])
        for path in FILES
        for text in literals(path)
        if TAGS.search(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    "source", ['x = "<td>"', "x = f'<div class={y}>'", "x = f'<li>{y}</li>'", "x = ('<svg '\n 'width=1>')"]
)
def test_html_in_a_source_is_seen(source, tmp_path):
    (tmp_path / "glued.py").write_text(source)
    assert any(TAGS.search(text) for text in literals(tmp_path / "glued.py"))


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_page_extends_the_one_base(name):
    assert '{% extends "pages/base.html" %}' in (ROOT / name).read_text("utf-8")
    _environment().get_template(name)


def test_the_base_forbids_scripts_and_the_network():
    base = (ROOT / "pages" / "base.html").read_text("utf-8")
    assert f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">' in base


@pytest.mark.parametrize(
    "path",
    # The workbench is a page of its own, which nothing is filled into; `tests/serve` holds its policy.
    [path for path in sorted(ROOT.rglob("*.html")) if "serve" not in path.relative_to(ROOT).parts],
    ids=lambda path: path.name,
)
def test_no_template_switches_escaping_off_or_runs_anything(path):
    text = path.read_text("utf-8")
    assert not re.search(r"\|\s*safe|autoescape|<script|javascript:|\son\w+=|url\(|@import|https?:", text)


def test_values_are_escaped():
    page = render(
        "labelling/explained.html",
        title="<script>alert(1)</script>",
        conclusion="",
        pieces=[('"><img src=x onerror=alert(1)>', "positive")],
        labels=[],
        origin="o",
    )
    assert "<script" not in page
    assert "<img" not in page


def test_a_value_that_is_missing_is_an_error():
    with pytest.raises(jinja2.UndefinedError):
        render("labelling/explained.html", title="t")
