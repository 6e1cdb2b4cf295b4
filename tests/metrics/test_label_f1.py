"""Label F1 against scikit-learn, and named so that it cannot be taken for another."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from plainfilm.metrics.findings import NOT_MENTIONED
from plainfilm.metrics.label_f1 import label_f1, label_statistics, outcomes, report_f1, side_statistics
from plainfilm.seeding import generator

NAMES = ("A", "B", "C", "D")
RNG = generator("label f1")
CODES = np.array([1, 0, -1, NOT_MENTIONED], dtype=np.int8)
REFERENCE, GENERATED = RNG.choice(CODES, (80, 4)), RNG.choice(CODES, (80, 4))


def scores(uncertain: str) -> dict[str, object]:
    found = label_f1(
        REFERENCE, GENERATED, NAMES, range(80), origin="mine-1", uncertain=uncertain, subset=("B", "D")
    )
    return {one.identity: one for one in found}


@pytest.mark.parametrize(("uncertain", "positive"), [("positive", (1, -1)), ("negative", (1,))])
def test_scikit_learn_agrees(uncertain: str, positive: tuple[int, ...]) -> None:
    true, said = np.isin(REFERENCE, positive), np.isin(GENERATED, positive)
    found = scores(uncertain)
    for way in ("micro", "macro"):
        for size, places in ((4, [0, 1, 2, 3]), (2, [1, 3])):
            one = found[f"label-f1/mine-1/{way}-{size}/uncertain={uncertain}"]
            pair = (true[:, places], said[:, places])
            assert one.f1.value == pytest.approx(f1_score(*pair, average=way))
            assert one.precision.value == pytest.approx(precision_score(*pair, average=way))
            assert one.recall.value == pytest.approx(recall_score(*pair, average=way))
            assert one.n == pair[0].sum()
    assert found[f"label-f1/mine-1/C/uncertain={uncertain}"].f1.value == pytest.approx(
        f1_score(true[:, 2], said[:, 2])
    )


def test_left_out_is_not_counted_on_either_side() -> None:
    kept = (REFERENCE[:, 0] != -1) & (GENERATED[:, 0] != -1)
    wanted = f1_score(REFERENCE[kept, 0] == 1, GENERATED[kept, 0] == 1)
    assert scores("left out")["label-f1/mine-1/A/uncertain=left-out"].f1.value == pytest.approx(wanted)


def test_an_observation_nobody_has_is_not_in_the_mean() -> None:
    states = np.array([[1, 0], [1, 0], [0, 0]], dtype=np.int8)
    macro = label_f1(states, states, ("A", "B"), range(3), origin="mine-1")[1]
    assert macro.f1.value == 1.0
    none = label_f1(states, states, ("A", "B"), range(3), origin="mine-1")[-1]
    assert (none.f1.value, none.n) == (None, 0)


def test_example_based_f1_is_that_of_scikit_learn() -> None:
    counts = outcomes(REFERENCE, GENERATED, "positive")
    pair = (np.isin(REFERENCE, (1, -1)), np.isin(GENERATED, (1, -1)))
    wanted = f1_score(*pair, average="samples", zero_division=np.nan)
    values = label_statistics(counts, NAMES)["f1/example"].sum(axis=0)
    assert values[0] / values[1] == pytest.approx(wanted)
    assert np.nanmean(report_f1(counts)) == pytest.approx(wanted)


def test_sides_are_pairs_of_finding_and_side() -> None:
    reference = [{"A": "left"}, {"A": "bilateral"}, {"B": "right"}, {}]
    generated = [{"A": "right"}, {"A": "left"}, {"B": "right"}, {"B": "left"}]
    values = {
        name: pairs.sum(axis=0).tolist()
        for name, pairs in side_statistics(reference, generated, NAMES).items()
    }
    assert values["precision/left"] == [1, 2]
    assert values["recall/right"] == [1, 2]
    assert values["f1/sides"] == [4, 8]
    assert values["side_agreement"] == [1, 2]
