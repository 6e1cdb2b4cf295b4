"""Whether the report that is found for a film depends on the film: the rank of its own report among those of
all audited films, as it is and under every change."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from plainfilm.bank.items import sections_by_study
from plainfilm.collection import Collection
from plainfilm.metrics.scores import Statistics, count, ratio_statistics
from plainfilm.tasks.auditing.asking import Floats
from plainfilm.tasks.auditing.audited_films import AS_IT_IS, CHANGES, OTHER_WORDS, AuditedFilms
from plainfilm.tasks.base import Metric
from plainfilm.tasks.scoring.measure import DescribedScore, Measured, Resampling
from plainfilm.text.rules import report_text

GROUP = "retrieval"
_CHANGES = tuple(change for change in CHANGES if change != OTHER_WORDS)
"""Changes of the film; a report is not said in other words."""


def reports_of(collections: Sequence[Collection], audited: AuditedFilms, rule: str) -> list[str]:
    """The text of the report of each film's study, "" without one."""
    frame = audited.films.frame
    texts = [""] * len(frame)
    for place, collection in enumerate(collections):
        own = np.flatnonzero(frame["place"] == place).tolist()
        studies = frame["study_id"].iloc[own].tolist()
        sections = sections_by_study(collection, dict(zip(studies, studies, strict=True)))
        for row, study in zip(own, studies, strict=True):
            texts[row] = report_text(sections.get(study, []), rule) or ""
    return texts


def audit(audited: AuditedFilms, texts: Sequence[str], resampling: Resampling) -> list[Metric]:
    """The mean reciprocal rank of a film's own report among the different reports of all films."""
    rows = [row for row, text in enumerate(texts) if text.strip()]
    if len(rows) < 2:
        return []
    predictor = audited.predictor
    different = list(dict.fromkeys(texts[row] for row in rows))
    own = np.array([different.index(texts[row]) for row in rows])
    bank = predictor.encode_texts(different).astype(np.float64)

    def reciprocal(change: str) -> Floats:
        vectors = audited.answers("vectors", change, predictor.encode_images)[rows]
        scores = vectors.astype(np.float64) @ bank.T
        mine = scores[np.arange(len(rows)), own][:, None]
        # Reports as similar as the own one share their ranks.
        ranks = 1 + (scores > mine).sum(axis=1) + ((scores == mine).sum(axis=1) - 1) / 2
        return 1 / ranks

    def statistics(values: Floats) -> Statistics:
        return {"reciprocal": ratio_statistics(values)}

    chance = (1 / np.arange(1, len(different) + 1)).mean()
    baselines = {change: statistics(reciprocal(change)) for change in _CHANGES}
    baselines["random"] = statistics(np.full(len(rows), chance))
    measured = Measured(GROUP, statistics(reciprocal(AS_IT_IS)), baselines, audited.films.patients[rows])
    score = DescribedScore(
        "mrr", "ratio", ("reciprocal",), "mean reciprocal rank of its own report", "higher"
    )
    counted = Resampling(count, resampling.resamples, resampling.seed)
    return audited.measure(measured, score, counted, rows)
