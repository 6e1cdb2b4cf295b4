"""Films to look at beside the scores: of each truth those with the highest and with the lowest score.

A score says how often a model is wrong; its worst films say about what. Nothing is drawn at random: the
same films are shown every time, and of one patient at most one in a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from plainfilm.predictor import ZeroShot
from plainfilm.prompts import Prompts
from plainfilm.tasks.base import Shown
from plainfilm.tasks.prompting.deciding import COMBINED, GROUPS, Fitted, Floats
from plainfilm.tasks.prompting.films import Asked, Films, Mask

OBSERVATIONS, FILMS = 8, 2
"""How many observations are shown, those with most positive films, and how many films of each kind."""

INTRODUCTION = (
    f"The films with the highest and the lowest score of both truths, at most {FILMS} of each kind, of the "
    f"{OBSERVATIONS} observations with most positive films: the best and the worst, not the usual ones. "
    "Green: called as it is labelled; red: called otherwise; grey: there is no threshold to call it by."
)
_KINDS = (
    (True, True, "labelled positive, highest scores"),
    (True, False, "labelled positive, lowest scores"),
    (False, True, "labelled negative, highest scores"),
    (False, False, "labelled negative, lowest scores"),
)
"""Truth, whether from the top, and what the row is called."""


def gallery(films: Films, found: ZeroShot, fitted: Fitted | None, asked: Asked) -> tuple[Shown, ...]:
    """One example per observation that has films of both truths, the commonest first."""
    positives = (films.positive & films.known).sum(axis=0)
    negatives = (~films.positive & films.known).sum(axis=0)
    order = np.argsort(-positives, kind="stable")
    usable = [int(place) for place in order if positives[place] and negatives[place]]
    return tuple(_shown(_scored(place, films, found, fitted, asked)) for place in usable[:OBSERVATIONS])


@dataclass(frozen=True)
class _Scored:
    """What films (N) were asked about the observation at `place`: scores (N,), and the threshold, if any."""

    films: Films
    observations: tuple[str, ...]
    place: int
    prompts: Prompts
    scores: Floats
    threshold: float | None

    @property
    def name(self) -> str:
        return self.observations[self.place]

    @property
    def positive(self) -> Mask:
        return np.asarray(self.films.positive[:, self.place])

    @property
    def known(self) -> Mask:
        return np.asarray(self.films.known[:, self.place])


def _scored(place: int, films: Films, found: ZeroShot, fitted: Fitted | None, asked: Asked) -> _Scored:
    """By both prompts, or by the positive one alone where nothing denies the observation."""
    prompts = asked.prompts[asked.observations[place]]
    group, scores = (COMBINED, found.margin) if prompts.negative else (GROUPS[0], found.positive)
    threshold = fitted.thresholds[group][place] if fitted else None
    values = scores[:, place].astype(np.float64)
    return _Scored(films, asked.observations, place, prompts, values, threshold)


def _shown(scored: _Scored) -> Shown:
    answers: list[dict[str, Any]] = []
    taken: set[int] = set()
    for truth, is_top, kind in _KINDS:
        rows = [row for row in _rows(scored, truth, is_top) if row not in taken]
        taken.update(rows)
        answers += [_answer(scored, row, rank, kind) for rank, row in enumerate(rows, start=1)]
    positives, count = int((scored.positive & scored.known).sum()), int(scored.known.sum())
    return Shown(
        title=f"{scored.name}: {positives} of {count} films are positive",
        query_image=None,
        query_text=_asked_how(scored),
        query_labels={},
        answers=tuple(answers),
        introduction=INTRODUCTION,
    )


def _rows(scored: _Scored, truth: bool, is_top: bool) -> list[int]:
    """`FILMS` films of a truth, from the highest or the lowest score, of different patients; ties by id."""
    rows = np.flatnonzero(scored.known & (scored.positive == truth))
    scores, frame = scored.scores[rows], scored.films.frame.iloc[rows]
    ordered = np.lexsort((frame["image_id"].to_numpy(dtype=str), -scores if is_top else scores))
    patients = (frame["corpus"] + "/" + frame["patient_id"]).iloc[ordered]
    firsts = np.flatnonzero(~patients.duplicated().to_numpy())[:FILMS]
    return [int(row) for row in rows[ordered[firsts]]]


def _answer(scored: _Scored, row: int, rank: int, kind: str) -> dict[str, Any]:
    film, score = scored.films.frame.iloc[row], float(scored.scores[row])
    there = scored.films.positive[row] & scored.films.known[row]
    labels = {scored.name: int(there[scored.place])}
    labels |= {name: 1 for name, is_there in zip(scored.observations, there, strict=True) if is_there}
    called = None if scored.threshold is None else score >= scored.threshold
    return {
        "rank": rank,
        "score": score,
        "text": None,
        "image": film["image"],
        "name": film["image_id"],
        "kind": kind,
        "called": None if called is None else "positive" if called else "negative",
        "labels": labels,
        "agrees": None if called is None else called == bool(there[scored.place]),
    }


def _asked_how(scored: _Scored) -> str:
    """What was asked, by the first sentence of each kind, and from which score on it is called positive."""
    positive, negative = scored.prompts
    lines = [f"for: {positive[0]} (1 of {len(positive)})"]
    if negative:
        lines.append(f"against: {negative[0]} (1 of {len(negative)})")
    threshold = scored.threshold
    lines.append("no threshold" if threshold is None else f"called positive from {threshold:.3f} on")
    return "\n".join(lines)
