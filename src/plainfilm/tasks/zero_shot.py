"""Zero-shot classification: films against prompts that state and deny each observation.

Three scores, always together: the cosine with the positive ensemble, that with the negative one (the less
alike the more positive), and both contrasted (PNC, a softmax over the two: CheXzero, Tiu et al. 2022, and
CXR-CLIP). Each by AUROC and average precision, and by F1, precision, recall and specificity at thresholds
chosen on the validation split of the same collections; where there is none, that is reported and only what
needs no threshold is scored. From the validation split come also the calibration and the sets that say when
to abstain.

With `mode=multiclass` the films of exactly one class are asked which one it is (CheXpert 5x200).

The only thing this task writes by itself, and only when asked to, is `save_decisions`: what was fitted on
validation, into the model's folder, for `plainfilm predict`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from plainfilm.collection import Collection
from plainfilm.collection.labels import Labels
from plainfilm.errors import DataError, UsageError, nearest
from plainfilm.predictor.operating_points import Ensembles
from plainfilm.progress import SILENT, Progress
from plainfilm.prompts import PromptPack, Prompts, load_pack
from plainfilm.tasks.base import (
    Agreement,
    Answer,
    Example,
    Results,
    ShownImage,
    ShownLabel,
    ShownSentence,
)
from plainfilm.tasks.film_classification.evaluate import (
    ClassificationConfig,
    EvaluationContext,
    Films,
    evaluate,
    fit_on_validation,
)
from plainfilm.tasks.film_classification.multiclass import evaluate_multiclass
from plainfilm.tasks.film_classification.thresholds import FITTED_ON, FilmScores, Fitted, Floats
from plainfilm.tasks.scoring.label_choice import labels_asked
from plainfilm.tasks.scoring.measure import check_no_leak

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor, PromptVectors, ZeroShot

NEEDS = ("encodes_images", "encodes_texts")

GROUPS = ("positive prompt", "negative prompt", "combined")
"""Scores by the positive ensemble alone, by the negative one alone (the less alike the more positive), and by
both together (positive and negative contrasted, PNC)."""
COMBINED = GROUPS[2]

OBSERVATIONS, FILMS_EACH = 8, 2
"""How many observations are shown, those with most positive films, and how many films of each kind."""
INTRODUCTION = (
    f"The films with the highest and the lowest score of both truths, at most {FILMS_EACH} of each kind, of "
    f"the {OBSERVATIONS} observations with most positive films: the best and the worst, not the usual ones."
)
LEGEND: dict[Agreement, str] = {
    "agrees": "called as it is labelled",
    "contradicts": "called otherwise",
    "open": "there is no threshold to call it by",
}
_KINDS = (
    (True, True, "labelled positive, highest scores"),
    (True, False, "labelled positive, lowest scores"),
    (False, True, "labelled negative, highest scores"),
    (False, False, "labelled negative, lowest scores"),
)
"""Truth, whether from the top, and what the row is called."""


class Config(ClassificationConfig):
    """The protocol.

    prompts: a prompt pack, by name or file. ensembles: the unit mean of the prompts' vectors, or the mean of
    their cosines. observations: by default all that labels and pack share. labels: by default those of
    the one origin that has some. The rest: see `evaluate.ClassificationConfig`.
    """

    mode: Literal["each", "multiclass"] = "each"
    prompts: str = "cxr"
    ensembles: Ensembles = "mean"


@dataclass(frozen=True)
class PromptSet:
    """Which observations are asked about and how: `prompts` by observation.

    without_prompts, without_labels: observations that the labels or the pack have and the other has not.
    """

    prompts: dict[str, Prompts]
    without_prompts: tuple[str, ...]
    without_labels: tuple[str, ...]

    @property
    def observations(self) -> tuple[str, ...]:
        """In the order of the labels."""
        return tuple(self.prompts)


def run(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress = SILENT
) -> Results:
    """Evaluates zero-shot classification; see the module.

    Raises:
        LeakageError: patients of the films are among those of the training split.
        DataError: no labels, no films, or nothing that labels and prompts share.
    """
    if config.save_decisions and config.mode == "multiclass":
        raise UsageError("save_decisions=true goes with mode=each: classes of one film have no thresholds")
    check_no_leak(predictor, collections, config.split)
    splits = (config.split, FITTED_ON)
    labels = labels_asked(predictor, collections, ("images",), splits, config.labels, progress)
    pack = load_pack(config.prompts)
    asked = choose_prompts(pack, labels, config.observations)
    for what, names in (("prompts", asked.without_prompts), ("labels", asked.without_labels)):
        if names:
            progress.say(f"left out, for there are no {what} of them: {', '.join(names)}")
    vectors = predictor.prompt_vectors(asked.prompts, config.ensembles)

    def scores_of(films: Films) -> FilmScores:
        return prompted(_compare(predictor, films, vectors, progress), predictor.scale, asked)

    context = EvaluationContext(
        *("zero_shot", predictor, collections, labels, asked.observations, config, progress, scores_of),
        prompts=asked.prompts,
        ensembles=config.ensembles,
        facts={
            "prompts": {"pack": pack.name, "version": pack.version, "fingerprint": pack.fingerprint},
            "temperature": 1.0 / predictor.scale,
        },
        left_out={
            "observations without prompts": list(asked.without_prompts),
            "observations without labels": list(asked.without_labels),
        },
    )
    films = context.evaluated_films()
    if config.mode == "multiclass":
        return evaluate_multiclass(context, films, GROUPS[0])
    fitted, scores = fit_on_validation(context), scores_of(films)
    results = evaluate(context, films, scores, fitted)
    return replace(
        results, examples=examples(films, scores, fitted, asked), introduction=INTRODUCTION, legend=LEGEND
    )


def choose_prompts(pack: PromptPack, labels: Labels, wanted: Sequence[str] | None) -> PromptSet:
    """The prompts of the observations that both labels and pack have, or of those `wanted`.

    Raises:
        DataError: one that is wanted is in neither, or nothing is in both.
    """
    for name in wanted or ():
        if name not in labels.stated:
            raise DataError(f"no labels of '{name}' from {labels.origin}: {nearest(name, labels.stated)}")
        if not pack.knows(name):
            raise DataError(
                f"prompt pack '{pack.name}' has no observation '{name}': {nearest(name, pack.observations)}"
            )
    stated = [name for name in labels.observations if name in labels.stated]
    chosen = [name for name in (wanted or stated) if pack.knows(name) and pack.zero_shot(name).positive]
    if not chosen:
        raise DataError(
            f"labels of {labels.origin} ({', '.join(stated)}) and prompt pack '{pack.name}' "
            f"({', '.join(pack.observations)}) share no observation; choose another pack with prompts="
        )
    own = {pack.observation(name) for name in stated if pack.knows(name)}
    return PromptSet(
        prompts={name: pack.zero_shot(name) for name in chosen},
        without_prompts=() if wanted else tuple(name for name in stated if name not in chosen),
        without_labels=() if wanted else tuple(name for name in pack.observations if name not in own),
    )


def _compare(predictor: Predictor, films: Films, prompts: PromptVectors, progress: Progress) -> ZeroShot:
    """The scores of all films, encoded a batch at a time; only the scores are kept."""
    paths = films.frame["image"].tolist()
    parts = [predictor.compare(block, prompts) for block in predictor.stream_images(paths, progress)]
    names = ("positive", "negative", "probability")
    first = parts[0]
    return type(first)(
        first.observations, *(np.concatenate([getattr(part, name) for part in parts]) for name in names)
    )


def prompted(found: ZeroShot, scale: float, asked: PromptSet) -> FilmScores:
    """The scores by positive prompts, negative prompts, and both."""
    positive, negative = found.positive.astype(np.float64), found.negative.astype(np.float64)
    undenied = [name for name, prompts in asked.prompts.items() if not prompts.negative]
    return FilmScores(
        observations=found.observations,
        groups=dict(zip(GROUPS, (positive, -negative, found.margin), strict=True)),
        main=COMBINED,
        scale=scale,
        kept={"positive_score": found.positive, "negative_score": found.negative},
        without_margin=dict.fromkeys(
            undenied, "not computable: the prompt pack has no prompt that denies it"
        ),
    )


def examples(
    films: Films, scores: FilmScores, fitted: Fitted | None, asked: PromptSet
) -> tuple[Example, ...]:
    """Films to look at: of each truth those with the highest and with the lowest score.

    A score says how often a model is wrong; its worst films show on what. Nothing is drawn at random: the
    same films are shown every time, and of one patient at most one in a row. One example per observation that
    has films of both truths, the commonest first.
    """
    positives = (films.positive & films.known).sum(axis=0)
    usable = films.truth.usable
    order = [int(place) for place in np.argsort(-positives, kind="stable") if usable[place]]
    return tuple(_example(_ranked(place, films, scores, fitted, asked)) for place in order[:OBSERVATIONS])


@dataclass(frozen=True)
class _Ranked:
    """The films (N) and the observation at `place`: scores (N,), and the threshold, if any."""

    films: Films
    place: int
    prompts: Prompts
    scores: Floats
    threshold: float | None


def _ranked(place: int, films: Films, scores: FilmScores, fitted: Fitted | None, asked: PromptSet) -> _Ranked:
    """By both prompts, or by the positive one alone where nothing denies the observation."""
    prompts = asked.prompts[asked.observations[place]]
    group = COMBINED if prompts.negative else GROUPS[0]
    threshold = fitted.thresholds[group][place] if fitted else None
    return _Ranked(films, place, prompts, scores.groups[group][:, place], threshold)


def _example(ranked: _Ranked) -> Example:
    answers: list[Answer] = []
    taken: set[int] = set()
    for truth, is_top, kind in _KINDS:
        rows = [row for row in _rows(ranked, truth, is_top) if row not in taken]
        taken.update(rows)
        answers += [_answer(ranked, row, kind) for row in rows]
    known = ranked.films.known[:, ranked.place]
    positives = int((ranked.films.positive[:, ranked.place] & known).sum())
    name = ranked.films.observations[ranked.place]
    return Example(
        title=f"{positives} of {int(known.sum())} films are positive",
        group=name,
        sentences=_prompts_shown(ranked),
        answers=tuple(answers),
    )


def _rows(ranked: _Ranked, truth: bool, is_top: bool) -> list[int]:
    """Films of a truth, from the highest or the lowest score, of different patients; ties by id."""
    known, positive = ranked.films.known[:, ranked.place], ranked.films.positive[:, ranked.place]
    rows = np.flatnonzero(known & (positive == truth))
    scores = ranked.scores[rows]
    ordered = rows[np.lexsort((ranked.films.ids[rows], -scores if is_top else scores))]
    _, firsts = np.unique(ranked.films.patients[ordered], return_index=True)
    return [int(row) for row in ordered[np.sort(firsts)[:FILMS_EACH]]]


def _answer(ranked: _Ranked, row: int, kind: str) -> Answer:
    film, score = ranked.films.frame.iloc[row], float(ranked.scores[row])
    there = ranked.films.positive[row] & ranked.films.known[row]
    names = ranked.films.observations
    labels = {names[ranked.place]: int(there[ranked.place])}
    labels |= {name: 1 for name, is_there in zip(names, there, strict=True) if is_there}
    called = None if ranked.threshold is None else score >= ranked.threshold
    agreement: Agreement = "open"
    if called is not None:
        agreement = "agrees" if called == bool(there[ranked.place]) else "contradicts"
    said = "" if called is None else f"called {'positive' if called else 'negative'} · "
    return Answer(
        heading=kind,
        detail=f"{said}score {score:.3f}",
        image=ShownImage(film["image_id"], film["image"]),
        labels=tuple(ShownLabel(name, state) for name, state in labels.items()),
        agreement=agreement,
    )


def _prompts_shown(ranked: _Ranked) -> tuple[ShownSentence, ...]:
    """The first prompt of each kind, and the score from which the observation is called positive."""
    positive, negative = ranked.prompts
    found = [ShownSentence(f"{positive[0]} (1 of {len(positive)})", "for")]
    if negative:
        found.append(ShownSentence(f"{negative[0]} (1 of {len(negative)})", "against"))
    threshold = ranked.threshold
    said = "none" if threshold is None else f"called positive from {threshold:.3f} on"
    return (*found, ShownSentence(said, "threshold"))
