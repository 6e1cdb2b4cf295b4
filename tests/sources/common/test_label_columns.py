from __future__ import annotations

from plainfilm.sources.common.label_columns import columns_of_labels, row_labels
from plainfilm.types import State


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
