from __future__ import annotations

import pytest

from plainfilm.sources.common.reader_annotations import MajorityVote, ReaderBoxes, ReaderLabels, vote
from plainfilm.types import Label, State

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
        ReaderLabels((Label("Edema", YES, "a"),)),
        ReaderLabels((Label("Edema", YES, "b"), Label("ILD", NO, "b"))),
    ]
    assert MajorityVote("majority", "x").of(opinions) == (Label("Edema", YES, "x"), Label("ILD", NO, "x"))


def test_boxes_are_fused_by_class() -> None:
    panel = ReaderBoxes()
    panel.add("Edema", "R1", (0, 0, 10, 10))
    panel.add("Edema", "R2", (2, 0, 12, 10))
    panel.add("ILD", "R1", (0, 0, 10, 10))
    fused = [(box.name, box.x0, box.x1, box.annotator) for box in panel.fused_boxes(0.1, 1)]
    assert fused == [("Edema", 1, 11, "fusion"), ("ILD", 0, 10, "fusion")]


def test_two_boxes_of_one_reader_are_not_two_readers() -> None:
    panel = ReaderBoxes()
    panel.add("Edema", "R1", (0, 0, 10, 10))
    panel.add("Edema", "R1", (1, 0, 11, 10))
    assert list(panel.fused_boxes(0.1, 2)) == []


def test_the_same_box_counts_once() -> None:
    panel = ReaderBoxes()
    assert panel.add("Edema", "R1", (0, 0, 10, 10))
    assert not panel.add("Edema", "R1", (0, 0, 10, 10))
    assert panel.add("Edema", "R2", (0, 0, 10, 10))
