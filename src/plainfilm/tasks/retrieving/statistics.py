"""The scores of one direction of retrieval, and their statistics per query (see `metrics.scores`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from plainfilm.bank.search import Indices, Vectors
from plainfilm.bank.selection import RetrievedItems
from plainfilm.metrics.findings import NOT_MENTIONED, States, positive_counts, published_counts
from plainfilm.metrics.retrieval import TieAwareRanks, join, random_ranks, tie_aware_ranks
from plainfilm.metrics.scores import Score, Statistics, count, ratio_statistics
from plainfilm.seeding import generator
from plainfilm.tasks.retrieving.embeddings import Embedded, Queries
from plainfilm.tasks.scoring.measure import DescribedScore

RECALL_AT = (1, 5, 10)
NOT_A_FINDING = "No Finding"
"""The absence of all other observations; left out of the positive-only scores."""

BLOCK_NUMBERS = 16_000_000
"""Number of scores in memory at once: 64 MB."""


def identity_scores() -> list[DescribedScore]:
    """The scores of the ranks of a query's own items."""
    recalls = [
        DescribedScore(f"recall@{k}", "ratio", (f"recall@{k}",), f"recall @ {k}", "higher", headline=True)
        for k in RECALL_AT
    ]
    return [
        *recalls,
        DescribedScore("median_rank", "median", ("rank",), "median rank", "lower", headline=True),
        DescribedScore("mean_rank", "ratio", ("rank",), "mean rank", "lower", headline=True),
        DescribedScore("map", "ratio", ("map",), "mean average precision", "higher", headline=True),
    ]


def identity_statistics(ranks: TieAwareRanks) -> Statistics:
    """Statistics of `identity_scores`, without queries that have no own item in the bank."""
    enters = ranks.answerable.astype(np.float64)
    values = {f"recall@{k}": ratio_statistics(ranks.recall_at(k) * enters, enters) for k in RECALL_AT}
    values["rank"] = ratio_statistics(np.nan_to_num(ranks.first_rank()), enters)
    values["map"] = ratio_statistics(np.nan_to_num(ranks.average_precision), enters)
    return values


def model_ranks(queries: Queries, bank: Embedded, relevant: Sequence[Indices]) -> TieAwareRanks:
    """The ranks of the relevant items by the model, a block of queries at a time.

    Equal vectors are scored once: the rounding of a matrix product depends on the position and would break
    the tie.
    """
    own = queries.rows if bank is queries.side else None
    first, copies = _distinct(bank.vectors)
    different = bank.vectors[first]
    block = max(1, BLOCK_NUMBERS // len(bank.items))
    parts = []
    for start in range(0, len(queries), block):
        scores = (queries.vectors[start : start + block] @ different.T)[:, copies]
        if own is not None:
            scores[np.arange(len(scores)), own[start : start + block]] = -np.inf
        parts.append(tie_aware_ranks(scores, relevant[start : start + block]))
    return join(parts)


def _distinct(vectors: Vectors) -> tuple[Indices, Indices]:
    """The first row of every distinct vector, and for every row the index of its distinct vector."""
    rows = np.ascontiguousarray(vectors).view(np.dtype((np.void, vectors.shape[1] * vectors.itemsize)))
    _, first, copies = np.unique(rows.ravel(), return_index=True, return_inverse=True)
    return first, copies


def baseline_ranks(queries: Queries, bank: Embedded, relevant: Sequence[Indices]) -> dict[str, TieAwareRanks]:
    """The ranks of the relevant items in random order and, for texts, in order of their frequency."""
    size = len(bank.items) - (1 if bank is queries.side else 0)
    right = np.array([len(rows) for rows in relevant], dtype=np.int64)
    baselines = {"random": random_ranks(np.full(len(queries), size), right)}
    if bank.items.frame["kind"].iloc[0] != "image":
        counts = bank.items.frame["count"].to_numpy(dtype=np.float64)
        baselines["most_frequent"] = join([tie_aware_ranks(counts[None], [rows]) for rows in relevant])
    return baselines


def finding_scores(k: int, observations: Sequence[str], supported: Sequence[str]) -> list[DescribedScore]:
    """The scores of findings in the first `k` answers; macro means are over `supported` observations."""
    scores = _published_scores(k)
    for kind, title, mean in _POSITIVE_ONLY:
        headline = kind == "f1"
        micro, each = (f"{kind}/micro",), {name: (f"{kind}/{name}",) for name in observations}
        scores.append(
            _positive_only(f"{kind}_micro", "ratio", micro, f"{title} (positive, micro)", k, headline)
        )
        if supported:
            parts = tuple(f"{kind}/{name}" for name in supported)
            macro_title = f"{title} (positive, macro)"
            scores.append(_positive_only(f"{kind}_macro", mean, parts, macro_title, k, headline))
        scores += [
            DescribedScore(
                f"finding_{kind}_positive/{name}@{k}",
                "ratio",
                part,
                f"{title} (positive, {name}) @ {k}",
                "higher",
            )
            for name, part in each.items()
        ]
    return scores


_POSITIVE_ONLY = (
    ("f1", "finding F1", "mean"),
    ("precision", "finding precision", "strict_mean"),
    ("recall", "finding recall", "mean"),
)
"""Kinds of the positive-only scores: name, title, aggregation of the macro mean."""


def _positive_only(
    kind: str, aggregation: str, parts: tuple[str, ...], title: str, k: int, headline: bool
) -> DescribedScore:
    name = f"finding_{kind}_positive@{k}"
    return DescribedScore(name, aggregation, parts, f"{title} @ {k}", "higher", headline)


def _published_scores(k: int) -> list[DescribedScore]:
    precision, recall = "published_precision", "published_recall"
    rule = f"(published rule) @ {k}"
    return [
        DescribedScore(f"published_flat_hit@{k}", "ratio", ("flat_hit",), f"flat hit {rule}", "higher"),
        DescribedScore(f"{precision}@{k}", "ratio", (precision,), f"precision {rule}", "higher"),
        DescribedScore(f"{recall}@{k}", "ratio", (recall,), f"recall {rule}", "higher"),
        DescribedScore(
            f"published_f1@{k}", "harmonic", (precision, recall), f"F1 {rule}", "higher", headline=True
        ),
        DescribedScore(f"duplicates@{k}", "ratio", ("duplicates",), f"duplicates @ {k}", "lower"),
    ]


def number_of_queries(score: Score, values: Statistics) -> int:
    """The n of a score: for the positive-only ones, all queries with any state, positive or not."""
    if score.name.startswith("finding_"):
        return int(values["labelled"][:, 0].sum())
    return count(score, values)


def finding_statistics(
    query: States, retrieved: States, kept: np.ndarray, observations: Sequence[str]
) -> Statistics:
    """Statistics of `finding_scores`: query (Q, C), retrieved (Q, K, C), kept (Q, K).

    Queries without any state (no report) are left out of the positive-only scores.
    """
    published = published_counts(query, retrieved, kept)
    usable = published.usable.astype(np.float64)
    values = {
        "flat_hit": ratio_statistics(published.flat_hit),
        "published_precision": ratio_statistics(published.precision, usable),
        "published_recall": ratio_statistics(published.recall, usable),
        "duplicates": ratio_statistics(published.duplicates * usable, usable),
    }
    counts = positive_counts(query, retrieved, kept)
    labelled = (query != NOT_MENTIONED).any(axis=1)[:, None]
    values["labelled"] = ratio_statistics(labelled[:, 0])
    columns = [place for place, name in enumerate(observations) if name != NOT_A_FINDING]
    true, wrong, missed = (
        (outcome & labelled)[:, columns].astype(np.float64)
        for outcome in (counts.true_positive, counts.false_positive, counts.false_negative)
    )
    for kind, top, bottom in (
        ("f1", 2 * true, 2 * true + wrong + missed),
        ("precision", true, true + wrong),
        ("recall", true, true + missed),
    ):
        values[f"{kind}/micro"] = ratio_statistics(top.sum(axis=1), bottom.sum(axis=1))
        for place, column in enumerate(columns):
            values[f"{kind}/{observations[column]}"] = ratio_statistics(top[:, place], bottom[:, place])
    return values


def baseline_statistics(
    queries: Queries,
    bank: Embedded,
    answers: RetrievedItems,
    score: Callable[[Indices], Statistics],
    seed: tuple,
) -> dict[str, Statistics]:
    """Statistics of the baselines, with as many items for every query as the model returned.

    random: the mean of several draws from the bank without replacement. most_frequent: the same items for
    every query, the texts that occur most often, or images with the commonest set of labels.
    """
    *parts, draws = seed
    random = [
        score(_random_rows(len(bank.items), answers.indices.shape, generator(*parts, draw)))
        for draw in range(draws)
    ]
    mean = {name: np.mean([values[name] for values in random], axis=0) for name in random[0]}
    frequent = np.argsort(-_frequency(bank), kind="stable")[: answers.indices.shape[1]]
    return {"random": mean, "most_frequent": score(np.tile(frequent, (len(queries), 1)))}


def _random_rows(size: int, shape: tuple[int, ...], random: np.random.Generator) -> Indices:
    return np.stack([random.choice(size, shape[1], replace=False) for _ in range(shape[0])])


def _frequency(bank: Embedded) -> Indices:
    if bank.items.frame["kind"].iloc[0] != "image":
        return bank.items.frame["count"].to_numpy(dtype=np.int64)
    _, kinds, counts = np.unique(bank.states, axis=0, return_inverse=True, return_counts=True)
    return counts[kinds.reshape(-1)]
