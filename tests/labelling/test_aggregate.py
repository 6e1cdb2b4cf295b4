from __future__ import annotations

from itertools import permutations

import pytest

from plainfilm.labelling.aggregate import aggregate, combine
from plainfilm.types import Label, State

P, N, U = State.POSITIVE, State.NEGATIVE, State.UNCERTAIN


def label(observation: str, state: State) -> Label:
    return Label(observation, state, "test")


@pytest.mark.parametrize(
    ("said", "result"),
    [
        ([P], P),
        ([N], N),
        ([U], U),
        ([P, P], P),
        ([N, P], P),
        ([U, P], P),
        ([N, U], U),
        ([N, U, P], U),
    ],
)
def test_the_published_table(said: list[State], result: State) -> None:
    assert all(combine(order) == result for order in permutations(said))


def test_nothing_said_is_nothing_known() -> None:
    assert aggregate([]) == {}


def test_no_finding_needs_everything_else_negative() -> None:
    assert aggregate([label("Edema", N)]) == {"No Finding": P, "Edema": N}
    assert aggregate([label("Edema", U)]) == {"Edema": U}
    assert aggregate([label("No Finding", P), label("Edema", P)]) == {"Edema": P}


def test_support_devices_leave_no_finding() -> None:
    assert aggregate([label("Support Devices", P)]) == {"No Finding": P, "Support Devices": P}


def test_a_finding_outside_the_vocabulary_clears_no_finding() -> None:
    said = [label("No Finding", P), label("No Finding", N), label("Edema", N)]
    assert aggregate(said) == {"Edema": N}


def test_no_finding_comes_first_and_the_rest_in_the_order_said() -> None:
    assert list(aggregate([label("Fracture", N), label("Edema", N)])) == ["No Finding", "Fracture", "Edema"]
