from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.sources.cells.panel import Opinion, Panel, Votes, corners_of, vote
from plainfilm.sources.cells.rows import Row
from plainfilm.types import Label, Rejection, State

YES, NO, UNSURE = State.POSITIVE, State.NEGATIVE, State.UNCERTAIN


@pytest.mark.parametrize(
    ("states", "majority", "either"),
    [
        ([YES, YES, NO], YES, YES),
        ([YES, NO, NO], NO, YES),
        ([NO, NO, NO], NO, NO),
        ([YES, NO], UNSURE, YES),
    ],
)
def test_what_readers_say_together(states: list[State], majority: State, either: State) -> None:
    assert vote(states, "majority") is majority
    assert vote(states, "any") is either


def test_a_vote_is_on_what_somebody_states() -> None:
    opinions = [
        Opinion((Label("Edema", YES, "a"),)),
        Opinion((Label("Edema", YES, "b"), Label("ILD", NO, "b"))),
    ]
    assert Votes("majority", "x").of(opinions) == (Label("Edema", YES, "x"), Label("ILD", NO, "x"))


def test_boxes_are_fused_by_class() -> None:
    panel = Panel()
    panel.add("Edema", "R1", (0, 0, 10, 10))
    panel.add("Edema", "R2", (2, 0, 12, 10))
    panel.add("ILD", "R1", (0, 0, 10, 10))
    fused = [(box.name, box.x0, box.x1, box.annotator) for box in panel.fused_boxes(0.1, 1)]
    assert fused == [("Edema", 1, 11, "fusion"), ("ILD", 0, 10, "fusion")]


def test_two_boxes_of_one_reader_are_not_two_readers() -> None:
    panel = Panel()
    panel.add("Edema", "R1", (0, 0, 10, 10))
    panel.add("Edema", "R1", (1, 0, 11, 10))
    assert list(panel.fused_boxes(0.1, 2)) == []


def test_the_same_box_counts_once() -> None:
    panel = Panel()
    assert panel.add("Edema", "R1", (0, 0, 10, 10))
    assert not panel.add("Edema", "R1", (0, 0, 10, 10))
    assert panel.add("Edema", "R2", (0, 0, 10, 10))


def row(*corners: str) -> Row:
    names = ("x_min", "y_min", "x_max", "y_max")
    return Row(Path("boxes.csv"), 4, dict(zip(names, corners, strict=True)))


def test_corners_of_a_row() -> None:
    assert corners_of(row("1.5", "2", "3", "4"), "film") == (1.5, 2, 3, 4)
    assert corners_of(row("", " ", "nan", ""), "film") is None


@pytest.mark.parametrize(
    ("corners", "reason"),
    [
        (("1", "2", "x", "4"), "box (1, 2, x, 4) has a corner that is not a number"),
        (("1", "2", "", "4"), "box (1, 2, , 4) has a corner that is not a number"),
        (("5", "2", "3", "4"), "box (5, 2, 3, 4) is inverted or has no area"),
        (("1", "2", "1", "4"), "box (1, 2, 1, 4) is inverted or has no area"),
    ],
)
def test_a_row_whose_box_cannot_be_used(corners: tuple[str, ...], reason: str) -> None:
    assert corners_of(row(*corners), "film") == Rejection("boxes.csv row 4", reason, "film")
