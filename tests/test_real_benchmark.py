"""`make real-benchmark`: its table is that of the benchmark's CSV, and its commands are those of the page."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

ROW = {
    "collection": "nih",
    "task": "linear_probe",
    "heading": "10 % of the patients",
    "score": "fraction_0.1/auroc_macro",
    "model": "first",
    "value": "0.5561",
    "low": "0.5201",
    "high": "0.5899",
    "n": "128",
    "rank": "2.0",
    "is_best": "False",
    "p_holm": "0.0312",
    "best_baseline": "untrained",
    "best_baseline_value": "0.5212",
}
"""A row of benchmark.csv."""


@pytest.fixture(scope="module")
def script():
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("real_benchmark")


def lines(script, *rows: dict[str, str]) -> list[list[str]]:
    table = script.written([{**ROW, **row} for row in rows])
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_a_row_has_a_column_for_each_model_and_the_trivial_answers(script) -> None:
    best = {"model": "second", "value": "0.61", "rank": "1.0", "is_best": "True", "p_holm": ""}
    head, _, row = lines(script, {}, best | {"best_baseline_value": "0.5391"})
    assert head == ["films", "score", "n", "first", "second", "best trivial answer"]
    assert row[:3] == ["nih", "linear probe: 10 % of the patients", "128"]
    assert row[3] == "0.556 [0.520, 0.590], rank 2, p 0.03"
    assert row[4] == "**0.610** [0.520, 0.590], rank 1"
    assert row[5] == "untrained 0.521 to 0.539"


def test_a_score_that_a_model_does_not_have_is_a_dash(script) -> None:
    nothing = dict.fromkeys(("value", "low", "high", "n", "rank", "p_holm", "best_baseline"), "")
    _, _, row, other = lines(script, nothing, {"model": "second"}, {"collection": "children", "n": "38"})
    assert row[2:] == ["128", "–", "0.556 [0.520, 0.590], rank 2, p 0.03", "untrained 0.521"]
    assert other[:4] == [
        "children",
        "linear probe: 10 % of the patients",
        "38",
        "0.556 [0.520, 0.590], rank 2, p 0.03",
    ]
    assert other[4] == "–"


@pytest.mark.parametrize(
    ("p", "written"), [("0.004", ", p < 0.01"), ("0.01", ", p 0.01"), ("1.0", ", p 1.00")]
)
def test_a_small_p_is_never_written_as_nothing(script, p: str, written: str) -> None:
    assert lines(script, {"p_holm": p})[2][3].endswith(written)


def test_other_scores_are_left_out(script) -> None:
    assert len(lines(script, {}, {"score": "fraction_0.1/f1_macro"})) == 3


def test_the_page_has_the_commands_and_the_place_of_the_table(script) -> None:
    page = script.PAGE.read_text("utf-8")
    assert [words[1] for words in script.commands("real", script.PAGE)][-1] == "benchmark"
    assert "\n| a table |\n" in script.renewed(page, {"real": "| a table |\n"})
