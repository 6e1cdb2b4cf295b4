"""The scores of one direction of retrieval, as terms per query (see `metrics.scores`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from plainfilm.bank.compose import Answers
from plainfilm.bank.search import Indices, Vectors
from plainfilm.metrics.findings import BLANK, States, positive_counts, published_counts
from plainfilm.metrics.retrieval import Standings, join, random_standings, standings
from plainfilm.metrics.scores import Score, Terms, count, terms
from plainfilm.seeding import generator
from plainfilm.tasks.retrieving.sides import Embedded, Queries

RECALL_AT = (1, 5, 10)
NOT_A_FINDING = "No Finding"
"""The absence of all others; left out of the positive-only scores."""

BLOCK_NUMBERS = 16_000_000
"""Scores held at once: 64 MB."""


def identity_scores() -> list[Score]:
    """Where the query's own items stand."""
    recalls = [Score(f"recall@{k}", "ratio", (f"recall@{k}",)) for k in RECALL_AT]
    ranks = [Score("median_rank", "median", ("rank",)), Score("mean_rank", "ratio", ("rank",))]
    return [*recalls, *ranks, Score("map", "ratio", ("map",))]


def identity_terms(found: Standings) -> Terms:
    """Terms of `identity_scores`; queries without anything of their own in the bank do not enter."""
    enters = found.answerable.astype(np.float64)
    values = {f"recall@{k}": terms(found.recall_at(k) * enters, enters) for k in RECALL_AT}
    values["rank"] = terms(np.nan_to_num(found.first_rank()), enters)
    values["map"] = terms(np.nan_to_num(found.average_precision), enters)
    return values


def model_standings(queries: Queries, bank: Embedded, relevant: Sequence[Indices]) -> Standings:
    """Where the model puts the relevant items, a block of queries at a time.

    Equal vectors are scored once: a matrix product rounds by position, which would break their tie.
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
        parts.append(standings(scores, relevant[start : start + block]))
    return join(parts)


def _distinct(vectors: Vectors) -> tuple[Indices, Indices]:
    """The first row of every distinct vector, and for every row which of those it is."""
    rows = np.ascontiguousarray(vectors).view(np.dtype((np.void, vectors.shape[1] * vectors.itemsize)))
    _, first, copies = np.unique(rows.ravel(), return_index=True, return_inverse=True)
    return first, copies


def baseline_standings(queries: Queries, bank: Embedded, relevant: Sequence[Indices]) -> dict[str, Standings]:
    """Where a random order and, for texts, the order of their frequency put the relevant items."""
    size = len(bank.items) - (1 if bank is queries.side else 0)
    right = np.array([len(rows) for rows in relevant], dtype=np.int64)
    found = {"random": random_standings(np.full(len(queries), size), right)}
    if bank.items.frame["kind"].iloc[0] != "image":
        counts = bank.items.frame["count"].to_numpy(dtype=np.float64)
        found["most_frequent"] = join([standings(counts[None], [rows]) for rows in relevant])
    return found


def finding_scores(k: int, observations: Sequence[str], supported: Sequence[str]) -> list[Score]:
    """What the first `k` answers say; macro means are over the `supported` observations."""
    published = [
        Score(f"published_flat_hit@{k}", "ratio", ("flat_hit",)),
        Score(f"published_precision@{k}", "ratio", ("published_precision",)),
        Score(f"published_recall@{k}", "ratio", ("published_recall",)),
        Score(f"published_f1@{k}", "harmonic", ("published_precision", "published_recall")),
        Score(f"duplicates@{k}", "ratio", ("duplicates",)),
    ]
    for kind, mean in (("f1", "mean"), ("precision", "strict_mean"), ("recall", "mean")):
        published.append(Score(f"finding_{kind}_micro_positive@{k}", "ratio", (f"{kind}/micro",)))
        if supported:
            parts = tuple(f"{kind}/{name}" for name in supported)
            published.append(Score(f"finding_{kind}_macro_positive@{k}", mean, parts))
        published += [
            Score(f"finding_{kind}_positive/{name}@{k}", "ratio", (f"{kind}/{name}",))
            for name in observations
        ]
    return published


def number_of_queries(score: Score, values: Terms) -> int:
    """The n of a score: for the positive-only ones all queries that state anything, positive or not."""
    if score.name.startswith("finding_"):
        return int(values["labelled"][:, 0].sum())
    return count(score, values)


def finding_terms(query: States, retrieved: States, kept: np.ndarray, observations: Sequence[str]) -> Terms:
    """Terms of `finding_scores`: query (Q, C), retrieved (Q, K, C), kept (Q, K).

    Queries that state nothing at all (no report) do not enter the positive-only scores.
    """
    published = published_counts(query, retrieved, kept)
    usable = published.usable.astype(np.float64)
    values = {
        "flat_hit": terms(published.flat_hit),
        "published_precision": terms(published.precision, usable),
        "published_recall": terms(published.recall, usable),
        "duplicates": terms(published.duplicates),
    }
    counts = positive_counts(query, retrieved, kept)
    labelled = (query != BLANK).any(axis=1)[:, None]
    values["labelled"] = terms(labelled[:, 0])
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
        values[f"{kind}/micro"] = terms(top.sum(axis=1), bottom.sum(axis=1))
        for place, column in enumerate(columns):
            values[f"{kind}/{observations[column]}"] = terms(top[:, place], bottom[:, place])
    return values


def baseline_terms(
    queries: Queries, bank: Embedded, answers: Answers, score: Callable[[Indices], Terms], seed: tuple
) -> dict[str, Terms]:
    """Terms of the trivial answers, as many items for every query as the model gave.

    random: the mean of several draws from the bank without replacement. most_frequent: the same items for
    every query, the texts that occur most often, or films with the commonest set of labels.
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
