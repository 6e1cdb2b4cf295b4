"""Rows become studies in the order of their first rows, told apart by split and, where they must, patient."""

from __future__ import annotations

from plainfilm.sources.common.study_groups import StudyGroups


def grouped(rows: list[tuple[str, str, str | None]]) -> tuple[list[tuple[str, list[int]]], object]:
    """The name and rows of each study, and what is told of shared ids."""
    groups = StudyGroups()
    for row, (study, patient, split) in enumerate(rows):
        groups.add(row, study, patient, split)
    studies = [(members[0].study, [member.row for member in members]) for members in groups]
    return studies, groups.shared


def test_rows_of_a_study_need_not_be_neighbours() -> None:
    rows = [("b", "p", None), ("a", "p", None), ("b", "p", None), ("a", "", None)]
    assert grouped(rows) == ([("b", [0, 2]), ("a", [1, 3])], None)


def test_one_study_in_two_splits_is_two() -> None:
    rows = [("a", "p", "train"), ("a", "p", "test"), ("a", "p", None), ("a", "p", "train")]
    assert grouped(rows) == ([("a", [0, 3]), ("a", [1]), ("a", [2])], None)


def test_patients_who_share_an_id_have_studies_of_their_own() -> None:
    rows = [("2", "p", None), ("1", "r", None), ("1", "q", None), ("1", "", None), ("1", "r", None)]
    studies, shared = grouped(rows)
    assert studies == [("2", [0]), ("r_1", [1, 4]), ("q_1", [2]), ("1", [3])]
    assert shared == ("1", "q", "r")
