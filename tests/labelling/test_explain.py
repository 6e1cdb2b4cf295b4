"""One report, explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.cli import main
from plainfilm.labelling import Labeller
from plainfilm.labelling.explain import explain_report, to_html, to_terminal

REPORT = "INDICATION: pneumonia\n\nFINDINGS: No effusion. Possible left <nodule>."
LABELLER = Labeller.load()


def test_marks_words_and_names_rules() -> None:
    shown = to_terminal(explain_report(REPORT, LABELLER), colours=False)
    assert shown.startswith(REPORT.replace("effusion", "[- effusion]").replace("nodule", "[? nodule]"))
    assert "- Pleural Effusion (36-44 in findings): present: effusions? | negated forward: no" in shown
    assert "? Lung Lesion (61-67 in findings, left): " in shown


def test_colours_are_for_terminals() -> None:
    assert "\033[32meffusion\033[0m" in to_terminal(explain_report(REPORT, LABELLER), colours=True)


def test_the_page_escapes_the_report() -> None:
    page = to_html(explain_report(REPORT, LABELLER), "a & b")
    assert '&lt;<mark class="uncertain" title="uncertain">nodule</mark>&gt;' in page
    assert "<title>a &amp; b</title>" in page


@pytest.mark.parametrize(
    ("text", "conclusion"),
    [
        ("Pas de pneumothorax.", "not readable"),
        ("Two views.", "nothing recognised"),
        ("", "nothing recognised"),
    ],
)
def test_nothing_found_says_why(text: str, conclusion: str) -> None:
    assert conclusion in to_terminal(explain_report(text, LABELLER), colours=False)


def test_command_writes_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report.txt").write_text(REPORT)
    page = tmp_path / "page.html"
    assert main.run(["label", "--explain", str(tmp_path / "report.txt"), "--html", str(page)]) == 0
    assert page.read_text().startswith("<!doctype html>")
    assert main.run(["label", "--explain", str(tmp_path / "report.txt")]) == 0
    assert "[- effusion]" in capsys.readouterr().out
