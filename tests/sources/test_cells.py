from __future__ import annotations

import pytest

from plainfilm.sources.cells import (
    columns_of_labels,
    join_sections,
    list_of,
    names_of,
    row_labels,
)
from plainfilm.text.structured import section_of
from plainfilm.types import State


@pytest.mark.parametrize(
    ("cell", "entries"),
    [
        ("['a', 'b']", ["a", "b"]),
        ("('a',)", ["a"]),
        ("[see comparison]", ["[see comparison]"]),
        ("[" * 5000 + "]" * 5000, None),
        ("plain", ["plain"]),
        ("nan", []),
    ],
)
def test_list_cells(cell: str, entries: list[str] | None) -> None:
    assert list_of(cell) == ([cell] if entries is None else entries)


def test_a_list_cell_never_runs_code() -> None:
    cell = "[__import__('os').getcwd()]"
    assert list_of(cell) == [cell]


def test_names_are_separated_by_bar_or_semicolon_and_not_repeated() -> None:
    assert names_of("Mass; Edema|Mass|") == ["Mass", "Edema"]


def test_a_wrong_state_is_rejected_with_its_row_and_value() -> None:
    columns = {"Edema": ["1", "", "-1.0", "7"]}
    states, rejections = columns_of_labels(columns, lambda row: f"row {row}")
    assert states == {"Edema"}
    assert [(item.path, item.reason) for item in rejections] == [
        ("row 3", "label Edema is '7': expected 1, 0, -1 or blank")
    ]


def test_columns_of_states_and_of_lists_side_by_side() -> None:
    columns = {"Edema": ["-1", "0"], "findings": ["Mass|Nodule", ""]}
    states, _ = columns_of_labels(columns, str)
    found = {label.observation: label.state for label in row_labels(columns, states, 0, "x")}
    assert found == {"Edema": State.UNCERTAIN, "Mass": State.POSITIVE, "Nodule": State.POSITIVE}


def test_sections_of_headers() -> None:
    headers = ("report_findings", "IMPRESSION", "clinical_history", "notes")
    assert [section_of(header) for header in headers] == ["findings", "impression", "indication", "other"]


def test_joined_sections_have_exact_offsets() -> None:
    report = join_sections([("findings", " Clear. "), ("impression", "Normal.")], "plain")
    assert report.sections is not None
    assert [report.text[part.start : part.end] for part in report.sections] == ["Clear.", "Normal."]


def test_one_column_without_a_section_name_is_left_to_the_parser() -> None:
    assert join_sections([("report", "FINDINGS: Clear.")], "mimic_cxr").sections is None
