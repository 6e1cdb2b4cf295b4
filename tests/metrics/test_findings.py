"""Finding scores: the published rule against plain Python, the positive-only rule against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from plainfilm.metrics.bootstrap import PatientBootstrap
from plainfilm.metrics.findings import NOT_MENTIONED, agreement, positive_counts, published_counts
from plainfilm.metrics.scores import Score, intervals, ratio_statistics

B = NOT_MENTIONED


def published_reference(queries, retrieved):
    """TxtRayAlign's scores, one query and one label at a time."""
    flat, precisions, recalls, duplicates = 0, [], [], []
    for query, rows in zip(queries, retrieved, strict=True):
        hits = sum(1 for c, state in enumerate(query) if state != B and any(row[c] == state for row in rows))
        said, wanted = sum(s != B for row in rows for s in row), sum(s != B for s in query)
        flat += hits > 0
        duplicates.append(len(rows) - len({tuple(row) for row in rows}))
        if said and wanted:
            precisions.append(hits / said)
            recalls.append(hits / wanted)
    return flat / len(queries), np.mean(precisions), np.mean(recalls), np.mean(duplicates)


def random_states(*shape, seed=0):
    return np.random.default_rng(seed).choice([1, 0, -1, B, B, B], shape).astype(np.int8)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_published_scores_are_those_of_the_plain_loop(k):
    queries, retrieved = random_states(60, 5), random_states(60, k, 5, seed=1)
    counts = published_counts(queries, retrieved)
    flat, precision, recall, duplicates = published_reference(queries.tolist(), retrieved.tolist())
    assert counts.flat_hit.mean() == pytest.approx(flat)
    assert counts.precision.sum() / counts.usable.sum() == pytest.approx(precision)
    assert counts.recall.sum() / counts.usable.sum() == pytest.approx(recall)
    assert counts.duplicates.mean() == pytest.approx(duplicates)


def test_a_matching_negative_is_a_published_hit_and_a_blank_never_is():
    counts = published_counts(np.array([[0, B]], np.int8), np.array([[[0, B]]], np.int8))
    assert (counts.hits[0], counts.said[0], counts.wanted[0]) == (1, 1, 1)


def test_a_label_said_twice_counts_twice_below_and_once_above():
    counts = published_counts(np.array([[1, 1]], np.int8), np.array([[[1, B], [1, B]]], np.int8))
    assert counts.precision[0] == 0.5
    assert counts.recall[0] == 0.5
    assert counts.duplicates[0] == 1


@pytest.mark.parametrize(("query", "rows"), [([B, B], [[1, B]]), ([1, B], [[B, B]])])
def test_queries_without_labels_on_either_side_are_unusable_misses(query, rows):
    counts = published_counts(np.array([query], np.int8), np.array([rows], np.int8))
    assert not counts.usable[0]
    assert counts.flat_hit[0] == 0.0


def test_rows_that_are_not_kept_do_not_count():
    query, retrieved = np.array([[1, 0]], np.int8), np.array([[[1, B], [1, 0]]], np.int8)
    kept = np.array([[True, False]])
    assert published_counts(query, retrieved, kept).hits[0] == 1
    assert published_counts(query, retrieved, kept).duplicates[0] == 0
    assert positive_counts(query, retrieved, ~kept & kept).false_negative.sum() == 1


def test_nothing_retrieved_at_all():
    counts = published_counts(random_states(3, 4), np.zeros((3, 0, 4), np.int8))
    assert counts.hits.sum() == counts.said.sum() == counts.duplicates.sum() == 0


def test_positive_counts_of_a_case_worked_by_hand():
    query = np.array([[1, 1, 0, -1, B]], np.int8)
    retrieved = np.array([[[1, B, 1, B, B], [1, 0, B, 1, -1]]], np.int8)
    counts = positive_counts(query, retrieved)
    assert counts.true_positive.tolist() == [[True, False, False, False, False]]
    assert counts.false_positive.tolist() == [[False, False, True, True, False]]
    assert counts.false_negative.tolist() == [[False, True, False, False, False]]


@pytest.mark.parametrize("average", ["micro", "macro", None])
def test_positive_only_scores_are_those_of_scikit_learn(average):
    queries, retrieved = random_states(80, 6), random_states(80, 2, 6, seed=1)
    counts = positive_counts(queries, retrieved)
    tp, fp, fn = (m.sum(axis=0) for m in (counts.true_positive, counts.false_positive, counts.false_negative))
    if average == "micro":
        tp, fp, fn = tp.sum(), fp.sum(), fn.sum()
    f1 = 2 * tp / (2 * tp + fp + fn)
    said = (retrieved == 1).any(axis=1)
    expected = precision_recall_fscore_support(queries == 1, said, average=average, zero_division=0)[2]
    assert (f1.mean() if average == "macro" else f1) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("query", "item", "worth"),
    [
        (1, 1, 1),
        (0, 0, 1),
        (-1, -1, 1),
        (0, 1, -1),
        (1, 0, -1),
        (B, 1, -1),
        (B, 0, 0),
        (-1, 1, 0),
        (1, B, 0),
        (B, B, 0),
    ],
)
def test_agreement_of_one_state(query, item, worth):
    assert agreement(np.array([query], np.int8), np.array([item], np.int8)).tolist() == [worth]


@pytest.mark.parametrize(("aggregation", "kind"), [("mean", 2), ("strict_mean", 0), ("mean", 1)])
def test_macro_scores_over_supported_classes_are_those_of_scikit_learn(aggregation, kind):
    # As the retrieval task makes them: a supported class that is never said has precision 0.
    queries, retrieved = random_states(40, 6), random_states(40, 2, 6, seed=1)
    retrieved[..., 2] = B
    counts = positive_counts(queries, retrieved)
    true, wrong, missed = counts.true_positive, counts.false_positive, counts.false_negative
    top = true * (2.0 if kind == 2 else 1.0)
    bottom = top + (wrong if kind != 1 else 0) + (missed if kind != 0 else 0)
    values = {str(c): ratio_statistics(top[:, c], bottom[:, c]) for c in range(6)}
    [found] = intervals([Score("s", aggregation, tuple(values))], values, PatientBootstrap(np.zeros(40)))
    said = (retrieved == 1).any(axis=1)
    expected = precision_recall_fscore_support(queries == 1, said, average="macro", zero_division=0)
    assert found.value == pytest.approx(expected[kind])
