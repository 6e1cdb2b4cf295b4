from __future__ import annotations

import pytest

from plainfilm.errors import SourceError
from plainfilm.sources.common.known_observations import AnyObservation, KnownObservations
from plainfilm.sources.common.label_columns import Codes, LabelColumns
from plainfilm.types import State


def rows_of(columns: dict[str, list[str]]) -> list[dict[str, str]]:
    return [dict(zip(columns, cells, strict=True)) for cells in zip(*columns.values(), strict=True)]


def read(codes: Codes = "chexpert", **columns: list[str]) -> tuple[list[dict[str, int]], list[str]]:
    """The states of each row, and all faults."""
    stated = LabelColumns([*columns], rows_of(columns), codes=codes)
    rows = [stated.of(row) for row in rows_of(columns)]
    states = [{label.observation: int(label.state) for label in labels} for labels, _ in rows]
    return states, [fault for _, faults in rows for fault in faults]


def test_a_wrong_state_is_a_fault_with_its_value() -> None:
    states, faults = read(Edema=["1", "", "-1.0", "7"])
    assert states == [{"Edema": 1}, {}, {"Edema": -1}, {}]
    assert faults == ["label Edema is '7': expected 1, 0, -1 or blank"]


def test_columns_of_states_and_of_lists_side_by_side() -> None:
    states, faults = read(Edema=["-1", "0"], findings=["Mass|Nodule", ""])
    assert states == [{"Edema": -1, "Mass": 1, "Nodule": 1}, {"Edema": 0}]
    assert faults == []


@pytest.mark.parametrize(
    ("yes", "no"),
    [
        ("yes", "no"),
        ("Y", "N"),
        ("pos", "neg"),
        ("T", "F"),
        ("TRUE", "FALSE"),
        ("present", "absent"),
        ("+", "-"),
        ("Positive", "Negative"),
        ("1,0", "0,0"),
        ("ja", "nein"),
        ("阳性", "阴性"),
        ("あり", "なし"),
    ],
)
def test_words_and_signs_for_states(yes: str, no: str) -> None:
    assert read(Edema=[yes, no, "", yes]) == ([{"Edema": 1}, {"Edema": 0}, {}, {"Edema": 1}], [])


def test_a_minus_without_a_plus_says_nothing_that_is_known() -> None:
    states, faults = read(Edema=["1", "-", "1"])
    assert states == [{"Edema": 1}, {}, {"Edema": 1}]
    assert faults == ["label Edema is '-': expected 1, 0, -1 or blank"]


def test_a_plus_in_one_column_says_what_a_minus_in_another_means() -> None:
    assert read(Edema=["+", "+"], Mass=["-", ""]) == ([{"Edema": 1, "Mass": 0}, {"Edema": 1}], [])


def test_an_observation_has_the_spelling_that_comes_first() -> None:
    states, faults = read(labels=["Pleural_Thickening", "pleural thickening|EDEMA", "edema"])
    assert states == [{"Pleural_Thickening": 1}, {"Pleural_Thickening": 1, "EDEMA": 1}, {"EDEMA": 1}]
    assert faults == []


def test_two_columns_of_one_observation_that_differ_are_a_fault() -> None:
    states, faults = read(Edema=["1", "1"], edema=["1", "0"])
    assert states == [{"Edema": 1}, {"Edema": 1}]
    assert faults == ["label edema is '0', but Edema is stated in another column already, which is taken"]


@pytest.mark.parametrize(
    "cells",
    [
        ["0.93", "0.1", "0.5", "0", "1"],
        ["93%", "10 %", "0%", "100%", "1"],
        ["2", "0", "3", "1", "0"],
        ["0", "0", "1", "2", "0"],
        ["mild", "severe", "moderate", "none", "mild"],
    ],
)
def test_other_codes_give_no_labels_at_all(cells: list[str]) -> None:
    states, faults = read(Edema=cells, Mass=["1", "0", "0", "1", ""])
    assert all("Edema" not in row and cell not in row for row in states for cell in cells)
    assert all("expected 1, 0, -1 or blank" in fault for fault in faults)
    numbers = any(cell[0].isdigit() for cell in cells)
    assert all(("Mass" in row) != numbers for row in states[:4])


def test_one_slip_in_a_long_column_spoils_nothing_else() -> None:
    states, faults = read(Edema=["1", "0"] * 200 + ["2"])
    assert sum(map(len, states)) == 400
    assert faults == ["label Edema is '2': expected 1, 0, -1 or blank"]


def test_chexberts_classes_are_read_where_the_user_says_so() -> None:
    states, faults = read("chexbert", Edema=["0", "1", "2", "3", "4"])
    assert states == [{}, {"Edema": 1}, {"Edema": 0}, {"Edema": -1}, {}]
    assert faults == ["label Edema is '4': expected 1, 2, 3 or 0 (CheXbert's classes)"]


@pytest.mark.parametrize(
    "cell", ["['Edema', 'Mass'", "[Edema, Mass]", "{'Edema'}", "('Edema'", '["Edema"', "[Edema", "Edema']"]
)
def test_a_broken_list_is_a_fault(cell: str) -> None:
    states, faults = read(labels=[cell, "['Mass']"])
    assert states == [{}, {"Mass": 1}]
    assert "is no list of observations" in faults[0]


@pytest.mark.parametrize("cell", ["0.93", "no", "2", "Edmea", "['Edema', 'maybe']", "Edema;0"])
def test_a_name_that_is_no_observation_is_a_fault(cell: str) -> None:
    states, faults = read(labels=[cell, "Mass", "Edema|Mass", "Pleural_Thickening, Edema"])
    assert states[0].keys() <= {"Edema"}
    assert states[1:] == [{"Mass": 1}, {"Edema": 1, "Mass": 1}, {"Pleural_Thickening": 1, "Edema": 1}]
    assert len(faults) == 1
    assert "is no observation that is known" in faults[0]


def test_the_nearest_observation_is_named() -> None:
    assert "did you mean 'Cardiomegaly'?" in read(labels=["Cardiomegalie", "Mass"])[1][0]


def test_observations_of_a_users_own() -> None:
    rows = rows_of({"labels": ["Erguss|Edema", "0.3", "Stauung"]})
    own = LabelColumns(["labels"], rows, KnownObservations(["Erguss"]))
    assert [label.observation for label in own.of(rows[0])[0]] == ["Erguss", "Edema"]
    every = LabelColumns(["labels"], rows, AnyObservation())
    assert [[label.observation for label in every.of(row)[0]] for row in rows] == [
        ["Erguss", "Edema"],
        [],
        ["Stauung"],
    ]


def test_states_below_a_header_that_names_no_observation_are_asked_about() -> None:
    with pytest.raises(SourceError, match="column 'label' holds '1': of which observation"):
        LabelColumns(["label"], rows_of({"label": ["1", "0"]}))


def test_a_known_observation_is_a_column_of_states_whatever_it_holds() -> None:
    states, faults = read(Pneumothorax=["gross", "klein"])
    assert states == [{}, {}]
    assert len(faults) == 2


def test_states_are_states() -> None:
    labels, _ = LabelColumns(["Edema"], [{"Edema": "yes"}]).of({"Edema": "yes"})
    assert labels[0].state is State.POSITIVE
