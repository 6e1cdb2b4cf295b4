"""Zero-shot classification: images against positive and negative prompts for each observation.

Three scores are always computed: the cosine with the positive ensemble, that with the negative one (negated,
so that higher is more positive), and their contrast (PNC, a softmax over the two: CheXzero, Tiu et al. 2022,
and CXR-CLIP). Each is evaluated by AUROC and average precision, and by F1, precision, recall and specificity
at thresholds chosen on the validation split of the same collections; without one, this is reported and only
scores without thresholds are computed. Calibration and the conformal sets for abstention are also fitted on
the validation split.

With `mode=multiclass` the model chooses a single class for the images of exactly one class (CheXpert 5x200).

`save_operating_points=true` saves them in the model's folder, for `plainfilm predict`; the task writes no
other file.
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
    evaluate,
    fit_on_validation,
)
from plainfilm.tasks.film_classification.films import Films
from plainfilm.tasks.film_classification.multiclass import evaluate_multiclass
from plainfilm.tasks.film_classification.thresholds import FITTED_ON, FilmScores, Fitted, Floats
from plainfilm.tasks.scoring.label_choice import choose_labels
from plainfilm.tasks.scoring.measure import check_no_leak

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor, PromptVectors, ZeroShot

NEEDS = ("encodes_images", "encodes_texts")
INSTEAD = ("scores_pairs",)

GROUPS = ("positive prompt", "negative prompt", "combined")
"""Scores by the positive ensemble, by the negative one (negated), and by both (positive and negative
contrasted, PNC)."""
COMBINED = GROUPS[2]

OBSERVATIONS, FILMS_EACH = 8, 2
"""Number of observations in the examples, those with most positive images, and of images of each kind."""
INTRODUCTION = (
    f"The films with the highest and the lowest score of both truths, at most {FILMS_EACH} of each kind, of "
    f"the {OBSERVATIONS} observations with most positive films: the best and the worst, not typical ones."
)
LEGEND: dict[Agreement, str] = {
    "agrees": "called as labelled",
    "contradicts": "called otherwise",
    "open": "no threshold to call it by",
}
_KINDS = (
    (True, True, "labelled positive, highest scores"),
    (True, False, "labelled positive, lowest scores"),
    (False, True, "labelled negative, highest scores"),
    (False, False, "labelled negative, lowest scores"),
)
"""Truth, whether from the top, and the title of the row."""


class Config(ClassificationConfig):
    """The protocol.

    prompts: a prompt pack, by name or file. ensembles: the unit mean of the prompts' vectors, or the mean of
    their cosines. observations: by default all that labels and pack share. labels: by default those of the
    only origin that has some. The rest: see `evaluate.ClassificationConfig`.
    """

    mode: Literal["each", "multiclass"] = "each"
    prompts: str = "cxr"
    ensembles: Ensembles = "mean"


@dataclass(frozen=True)
class PromptSet:
    """The observations to evaluate and their `prompts`.

    without_prompts, without_labels: observations of the labels without prompts, of the pack without labels.
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
    """Evaluate zero-shot classification; see the module.

    Raises:
        LeakageError: patients of the images are among those of the training split.
        DataError: no labels, no images, or no observation that labels and prompts share.
    """
    if config.save_operating_points and config.mode == "multiclass":
        raise UsageError("save_operating_points=true needs mode=each: exclusive classes have no thresholds")
    check_no_leak(predictor, collections, config.split)
    splits = (config.split, FITTED_ON)
    labels = choose_labels(predictor, collections, ("images",), splits, config.labels, progress)
    pack = load_pack(config.prompts)
    prompt_set = choose_prompts(pack, labels, config.observations)
    for what, names in (("prompts", prompt_set.without_prompts), ("labels", prompt_set.without_labels)):
        if names:
            progress.log(f"left out, as there are no {what}: {', '.join(names)}")
    vectors = predictor.prompt_vectors(prompt_set.prompts, config.ensembles)

    def scores_of(films: Films) -> FilmScores:
        return prompted(_compare(predictor, films, vectors, progress), predictor.scale, prompt_set)

    context = EvaluationContext(
        *("zero_shot", predictor, collections, labels, prompt_set.observations, config, progress, scores_of),
        prompts=prompt_set.prompts,
        ensembles=config.ensembles,
        facts={
            "prompts": {"pack": pack.name, "version": pack.version, "fingerprint": pack.fingerprint},
            "temperature": 1.0 / predictor.scale,
        },
        left_out={
            "observations without prompts": list(prompt_set.without_prompts),
            "observations without labels": list(prompt_set.without_labels),
        },
    )
    films = context.evaluated_films()
    if config.mode == "multiclass":
        return evaluate_multiclass(context, films, GROUPS[0])
    fitted, scores = fit_on_validation(context), scores_of(films)
    results = evaluate(context, films, scores, fitted)
    return replace(
        results,
        examples=examples(films, scores, fitted, prompt_set),
        introduction=INTRODUCTION,
        legend=LEGEND,
    )


def choose_prompts(pack: PromptPack, labels: Labels, wanted: Sequence[str] | None) -> PromptSet:
    """The prompts of the observations that both labels and pack have, or of those `wanted`.

    Raises:
        DataError: a wanted observation is missing from either, or they share none.
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
    """The scores of all images, encoded in batches; only the scores are kept."""
    if films.are_studies:
        return predictor.compare(predictor.encode_studies(*films.studies, progress=progress), prompts)
    return predictor.compare_images(films.frame["image"].tolist(), prompts, progress)


def prompted(comparison: ZeroShot, scale: float, prompt_set: PromptSet) -> FilmScores:
    """The scores by positive prompts, negative prompts, and both."""
    positive, negative = comparison.positive.astype(np.float64), comparison.negative.astype(np.float64)
    undenied = [name for name, prompts in prompt_set.prompts.items() if not prompts.negative]
    return FilmScores(
        observations=comparison.observations,
        groups=dict(zip(GROUPS, (positive, -negative, comparison.margin), strict=True)),
        main=COMBINED,
        scale=scale,
        kept={"positive_score": comparison.positive, "negative_score": comparison.negative},
        without_margin=dict.fromkeys(
            undenied, "not computable: the prompt pack has no negative prompt for it"
        ),
    )


def examples(
    films: Films, scores: FilmScores, fitted: Fitted | None, prompt_set: PromptSet
) -> tuple[Example, ...]:
    """Example films: those with the highest and with the lowest score of each truth.

    Scores give the frequency of errors; the worst images show the errors. The selection is not random: the
    same images are shown every time, at most one per patient in a row. There is one example per observation
    with images of both truths, the commonest first.
    """
    positives = (films.positive & films.known).sum(axis=0)
    usable = films.truth.usable
    order = [int(place) for place in np.argsort(-positives, kind="stable") if usable[place]]
    return tuple(
        _example(_ranked(place, films, scores, fitted, prompt_set)) for place in order[:OBSERVATIONS]
    )


@dataclass(frozen=True)
class _Ranked:
    """The images (N) and the observation at `place`: scores (N,), and the threshold, if any."""

    films: Films
    place: int
    prompts: Prompts
    scores: Floats
    threshold: float | None


def _ranked(
    place: int, films: Films, scores: FilmScores, fitted: Fitted | None, prompt_set: PromptSet
) -> _Ranked:
    """By both prompts, or by the positive one alone if the observation has no negative prompt."""
    prompts = prompt_set.prompts[prompt_set.observations[place]]
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
    """Images of a truth, from the highest or the lowest score, of different patients; ties by id."""
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
    decision = "" if called is None else f"called {'positive' if called else 'negative'} · "
    return Answer(
        heading=kind,
        detail=f"{decision}score {score:.3f}",
        image=ShownImage(film["image_id"], film["image"]),
        labels=tuple(ShownLabel(name, state) for name, state in labels.items()),
        agreement=agreement,
    )


def _prompts_shown(ranked: _Ranked) -> tuple[ShownSentence, ...]:
    """The first prompt of each kind, and the score from which the observation is called positive."""
    positive, negative = ranked.prompts
    shown = [ShownSentence(f"{positive[0]} (1 of {len(positive)})", "for")]
    if negative:
        shown.append(ShownSentence(f"{negative[0]} (1 of {len(negative)})", "against"))
    threshold = ranked.threshold
    rule = "none" if threshold is None else f"called positive from {threshold:.3f} on"
    return (*shown, ShownSentence(rule, "threshold"))
