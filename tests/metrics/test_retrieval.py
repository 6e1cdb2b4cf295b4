"""Ranks, recall and average precision against scikit-learn, torchmetrics and all orders of ties."""

from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from plainfilm.metrics.retrieval import hit_chance, join, random_ranks, tie_aware_ranks

CASES = {
    "no ties": ([0.3, -0.2, 0.9, -0.8, 0.1], [1, 4]),
    "all tied": ([0.0, 0.0, 0.0, 0.0], [2]),
    "tied with a miss": ([0.5, 0.5, 0.1, -0.4], [0]),
    "tied among themselves": ([0.5, 0.5, 0.5, 0.7, -0.1], [0, 1, 4]),
    "negative and tied": ([-0.5, -0.5, -0.1, -0.1, -0.9], [1, 2, 4]),
    "one item": ([-3.0], [0]),
}


def every_order(scores, wanted):
    """Orders of the items, best first, that the scores allow: ties in every order."""
    order = [
        o for o in permutations(range(len(scores))) if all(scores[a] >= scores[b] for a, b in pairwise(o))
    ]
    return [[item in wanted for item in o] for o in order]


def precision_of(hits):
    return average_precision_score(hits, -np.arange(len(hits)))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_scores_are_means_over_the_orders_of_ties(case):
    scores, wanted = case
    found = tie_aware_ranks(np.array([scores]), [np.array(wanted)])
    orders = every_order(scores, wanted)
    assert found.first_rank()[0] == pytest.approx(np.mean([hits.index(True) + 1 for hits in orders]))
    assert found.average_precision[0] == pytest.approx(np.mean([precision_of(hits) for hits in orders]))
    for k in (1, 2, 3, 10):
        assert found.recall_at(k)[0] == pytest.approx(np.mean([any(hits[:k]) for hits in orders]))


def test_without_ties_average_precision_is_that_of_scikit_learn():
    random = np.random.default_rng(0)
    scores = random.normal(size=(30, 200))
    relevant = [random.choice(200, size, replace=False) for size in random.integers(1, 20, 30)]
    expected = [
        average_precision_score(np.isin(np.arange(200), w), s) for s, w in zip(scores, relevant, strict=True)
    ]
    assert tie_aware_ranks(scores, relevant).average_precision == pytest.approx(expected)


@pytest.mark.slow
def test_recall_is_the_hit_rate_of_torchmetrics_on_positive_scores():
    # Shifted above 0: that library does not see relevant items scored 0 or less.
    import torch
    from torchmetrics.functional.retrieval import retrieval_hit_rate

    random = np.random.default_rng(1)
    scores, relevant = (
        random.normal(size=(20, 50)) + 10,
        [random.choice(50, 2, replace=False) for _ in range(20)],
    )
    for k in (1, 5, 10):
        expected = [
            retrieval_hit_rate(torch.tensor(s), torch.tensor(np.isin(np.arange(50), w)), top_k=k).item()
            for s, w in zip(scores, relevant, strict=True)
        ]
        assert tie_aware_ranks(scores, relevant).recall_at(k) == pytest.approx(expected)


def test_a_hit_with_a_negative_score_counts():
    assert tie_aware_ranks(np.array([[-0.1, -0.2]]), [np.array([0])]).recall_at(1)[0] == 1.0


def test_a_query_without_a_relevant_item_is_unanswerable():
    found = tie_aware_ranks(np.array([[0.1, 0.2]]), [np.array([], dtype=int)])
    assert not found.answerable[0]
    assert np.isnan(found.first_rank()[0])
    assert found.recall_at(5)[0] == 0.0


def test_an_item_scored_minus_infinity_is_left_out():
    found = tie_aware_ranks(np.array([[-np.inf, 0.3, 0.1]]), [np.array([0, 2])])
    assert found.first_rank()[0] == 2.0
    assert found.average_precision[0] == 0.5


def test_no_queries_give_no_standings():
    assert tie_aware_ranks(np.zeros((0, 4)), []).first_rank().shape == (0,)


def test_scoring_everything_alike_is_as_good_as_random():
    alike = tie_aware_ranks(np.zeros((1, 40)), [np.array([3, 7, 9])])
    random = random_ranks(np.array([40]), np.array([3]))
    assert alike.first_rank() == random.first_rank()
    assert alike.average_precision == pytest.approx(random.average_precision)


def test_the_random_standings_are_what_random_scores_give_on_average():
    scores = np.random.default_rng(2).random((6_000, 12))
    drawn = tie_aware_ranks(scores, [np.array([0, 5])] * 6_000)
    exact = random_ranks(np.array([12]), np.array([2]))
    assert drawn.average_precision.mean() == pytest.approx(exact.average_precision[0], rel=0.03)
    assert drawn.recall_at(3).mean() == pytest.approx(exact.recall_at(3)[0], rel=0.03)
    assert drawn.first_rank().mean() == pytest.approx(exact.first_rank()[0], rel=0.03)


def test_random_standings_without_a_relevant_item():
    assert not random_ranks(np.array([5, 0]), np.array([0, 0])).answerable.any()


@pytest.mark.parametrize(
    ("draws", "items", "relevant", "chance"), [(2, 4, 1, 0.5), (9, 4, 1, 1), (0, 4, 1, 0), (2, 4, 0, 0)]
)
def test_hit_chance(draws, items, relevant, chance):
    assert hit_chance(np.array([draws]), np.array([items]), np.array([relevant]))[0] == pytest.approx(chance)


def test_blocks_join_to_the_whole():
    scores, relevant = np.random.default_rng(3).normal(size=(6, 9)), [np.array([i]) for i in range(6)]
    parts = join([tie_aware_ranks(scores[:2], relevant[:2]), tie_aware_ranks(scores[2:], relevant[2:])])
    assert parts.first_rank().tolist() == tie_aware_ranks(scores, relevant).first_rank().tolist()
