"""All metrics of phrases, from the answers of a model and of the baselines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.geometry import Boxes
from plainfilm.metrics.coded import Pairs
from plainfilm.metrics.detection import FALSE, HIT, IOU_THRESHOLDS, MISSED, UNKNOWN, match_boxes
from plainfilm.metrics.grounding import best_overlaps
from plainfilm.metrics.lenient import LENIENT_IOU, lenient_overlap, sample_precision
from plainfilm.metrics.scores import BOX_PRECISION, Statistics, count, ratio_statistics
from plainfilm.tasks.base import Metric
from plainfilm.tasks.locating.answers import Answer
from plainfilm.tasks.locating.baselines import PRIOR
from plainfilm.tasks.locating.box_scores import REPORTED_IOU, true_boxes
from plainfilm.tasks.locating.phrases import Phrases
from plainfilm.tasks.scoring.measure import (
    Count,
    DescribedScore,
    Measured,
    Resampling,
    items_table,
    measure,
    measure_film_subgroups,
)

PHRASES, BOXES, SIDES, LENIENT, DENIALS = "phrases", "boxes", "sides", "anatomix", "denials"
"""The names of the groups."""
SCORE_THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)
"""Over which the published mean IoU is averaged."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PhraseAnswers:
    """Answers to the P phrases; to the phrases of `one_sided` with left and right swapped; and to denials.

    one_sided: places in the phrases. denied_film: of each denial the row of its film.
    """

    phrases: Sequence[Answer]
    one_sided: NDArray[np.int64]
    mirrored: Sequence[Answer]
    denied_film: NDArray[np.int64]
    denied: Sequence[Answer]


@dataclass(frozen=True)
class PhraseMeasures:
    """Metrics, the statistics per item that they are computed from, and for each phrase (P,) the overlap of a
    true box with the box of the highest score."""

    metrics: tuple[Metric, ...]
    items: pd.DataFrame
    top_overlaps: Floats


def measure_phrases(
    phrases: Phrases,
    answers: Mapping[str, PhraseAnswers],
    patients: NDArray[np.str_],
    ids: Sequence[str],
    threshold: float,
    resampling: tuple[int, int],
    most: int,
    parts: Mapping[str, NDArray[np.bool_]],
) -> PhraseMeasures:
    """Metrics of all groups; see `grounding`.

    answers: by name of the baseline; "" is the model. patients: (N,) of the films. ids: (P,) of the phrases.
    parts: subgroups of films (name → mask (N,)), for the scores of single phrases.
    """
    metrics: list[Metric] = []
    tables = []
    overlaps = np.zeros(0)
    for group in _groups(phrases, answers[""], patients, np.asarray(ids), threshold, most):
        if not len(group.patients):
            continue
        # A denial names no class, so that there is no prior.
        named = [name for name in answers if group.name != DENIALS or name != PRIOR]
        values = {name: group.compute(answers[name]) for name in named}
        measured = Measured(group.name, values.pop(""), values, group.patients, group.heading)
        counted = Resampling(group.count, *resampling)
        metrics += measure(measured, group.scores, counted)
        tables.append(items_table(measured, group.ids))
        if group.name == PHRASES:
            metrics += measure_film_subgroups(measured, group.scores, parts, phrases.film, counted)
            overlaps = measured.values["top_iou"][:, 0]
    return PhraseMeasures(tuple(metrics), pd.concat(tables, ignore_index=True), overlaps)


@dataclass(frozen=True)
class _Group:
    """Scores of one heading: how statistics are computed from answers, and the ids and patients of items."""

    name: str
    heading: str
    compute: Callable[[PhraseAnswers], Statistics]
    scores: Sequence[DescribedScore]
    patients: NDArray[np.str_]
    ids: NDArray[np.str_]
    count: Count = count


def _groups(
    phrases: Phrases,
    model: PhraseAnswers,
    patients: NDArray[np.str_],
    ids: NDArray[np.str_],
    threshold: float,
    most: int,
) -> list[_Group]:
    of_phrase = patients[phrases.film]
    slots = most + max((len(boxes) for boxes in phrases.boxes), default=0)
    in_slots = np.array([f"{name}#{place}" for name in ids for place in range(slots)])
    denied = np.array([f"{film}/{place}" for place, film in enumerate(model.denied_film.tolist())])
    reached = f"boxes that score at least {threshold:.3g}"

    def of_phrases(one: PhraseAnswers) -> Statistics:
        return _phrase_statistics(phrases, one.phrases)

    def of_boxes(one: PhraseAnswers) -> Statistics:
        return _box_statistics(phrases, one.phrases, most, slots)

    def lenient(one: PhraseAnswers) -> Statistics:
        return _lenient_statistics(phrases, one.phrases, threshold)

    def of_denials(one: PhraseAnswers) -> Statistics:
        return {"false_box": _found(one.denied, threshold)}

    named = "Phrases that name one side"
    definitions = f"By the definitions of AnatomiX, and strictly ({reached})"
    denials = f"Sentences of reports that deny (best score from {threshold:.3g} on)"
    sides = _side_statistics(phrases)
    one_sided = model.one_sided
    repeated = np.repeat(of_phrase, slots)
    return [
        _Group(PHRASES, "Phrases", of_phrases, _PHRASE_SCORES, of_phrase, ids),
        _Group(BOXES, "Boxes of all phrases", of_boxes, _BOX_SCORES, repeated, in_slots, true_boxes),
        _Group(SIDES, named, sides, _SIDE_SCORES, of_phrase[one_sided], ids[one_sided]),
        _Group(LENIENT, definitions, lenient, _LENIENT_SCORES, of_phrase, ids),
        _Group(DENIALS, denials, of_denials, _DENIAL_SCORES, patients[model.denied_film], denied),
    ]


def _phrase_statistics(phrases: Phrases, answers: Sequence[Answer]) -> Statistics:
    pairs = list(zip(answers, phrases.boxes, strict=True))
    areas = {f"iou@{at:g}": [own.areas(at, true) for own, true in pairs] for at in SCORE_THRESHOLDS}
    contrast = np.array([own.contrast(true) for own, true in pairs])
    known = np.isfinite(contrast)
    return {
        **{name: np.array(values, dtype=np.float64).reshape(-1, 2) for name, values in areas.items()},
        "best_iou": ratio_statistics([best_overlaps(own.boxes, true).mean() for own, true in pairs]),
        "top_iou": ratio_statistics(_top_overlaps(answers, phrases.boxes)),
        "pointing": ratio_statistics([float(own.points_into(true)) for own, true in pairs]),
        "cnr": ratio_statistics(np.where(known, contrast, 0.0), known),
        "cnr_absolute": ratio_statistics(np.where(known, np.abs(contrast), 0.0), known),
    }


_AREAS = tuple(f"iou@{at:g}" for at in SCORE_THRESHOLDS)
_PHRASE_SCORES = (
    DescribedScore(
        "miou",
        "mean",
        _AREAS,
        "mIoU: IoU of all pixels of all films, mean of score thresholds 0.1 to 0.5",
        "higher",
        headline=True,
    ),
    DescribedScore("iou@0.3", "ratio", ("iou@0.3",), "IoU of all pixels at score threshold 0.3", "higher"),
    DescribedScore(
        "best_iou", "ratio", ("best_iou",), "IoU of a true box with the best of all boxes", "higher", True
    ),
    DescribedScore(
        "top_iou", "ratio", ("top_iou",), "IoU of a true box with the box of the highest score", "higher"
    ),
    DescribedScore("median_top_iou", "median", ("top_iou",), "the same, median of phrases", "higher"),
    DescribedScore(
        "pointing", "ratio", ("pointing",), "pointing game: the best place is in a true box", "higher", True
    ),
    DescribedScore("cnr", "ratio", ("cnr",), "contrast-to-noise ratio", "higher", headline=True),
    DescribedScore(
        "cnr_absolute", "ratio", ("cnr_absolute",), "its absolute value, as BioViL reports it", "higher"
    ),
)


def _box_statistics(phrases: Phrases, answers: Sequence[Answer], most: int, slots: int) -> Statistics:
    """ap@IOU (P * slots, 2), all phrases as one class; see `box_scores`."""
    thresholds = tuple(dict.fromkeys((*IOU_THRESHOLDS, *LENIENT_IOU)))
    rows = np.zeros((len(thresholds), len(phrases), slots, 2))
    for place, (own, true) in enumerate(zip(answers, phrases.boxes, strict=True)):
        match = match_boxes(own.boxes, own.scores, true, thresholds)
        found = len(match.order)
        rows[:, place, :found, 0] = own.scores[match.order]
        rows[:, place, :found, 1] = np.where(match.taken >= 0, HIT, FALSE)
        missed = np.where(match.found(len(true)), UNKNOWN, MISSED)
        rows[:, place, most : most + len(true), 1] = missed
    return {f"ap@{iou:g}": own.reshape(-1, 2) for iou, own in zip(thresholds, rows, strict=True)}


def _precision(name: str, thresholds: Sequence[float], title: str, headline: bool = False) -> DescribedScore:
    parts = tuple(f"ap@{iou:g}" for iou in thresholds)
    return DescribedScore(name, BOX_PRECISION, parts, title, "higher", headline)


_BOX_SCORES = (
    _precision("map", IOU_THRESHOLDS, "mAP, mean of IoU 0.1 to 0.7", True),
    *(_precision(f"ap@{iou:g}", (iou,), f"AP at IoU {iou:g}") for iou in REPORTED_IOU),
    _precision("map_lenient_iou", LENIENT_IOU, "mAP, mean of IoU 0.25, 0.5, 0.75 and 0.95"),
)


def _top_overlaps(answers: Sequence[Answer], true: Sequence[Boxes]) -> Floats:
    """The overlap of a true box with the box of the highest score, mean of the true boxes of each answer."""
    pairs = zip(answers, true, strict=True)
    return np.array([best_overlaps(own.boxes[:1], boxes).mean() for own, boxes in pairs])


def _side_statistics(phrases: Phrases) -> Callable[[PhraseAnswers], Statistics]:
    def compute(one: PhraseAnswers) -> Statistics:
        right = [one.phrases[place] for place in one.one_sided.tolist()]
        true = [phrases.boxes[place] for place in one.one_sided.tolist()]
        best = [np.array([own.scores.max(initial=0.0) for own in side]) for side in (right, one.mirrored)]
        overlaps = [
            np.array(
                [best_overlaps(own.boxes[:1], boxes).mean() for own, boxes in zip(side, true, strict=True)]
            )
            for side in (right, one.mirrored)
        ]
        return {
            "wrong_side_lower": ratio_statistics(best[1] < best[0]),
            "score_fall": ratio_statistics(best[0] - best[1]),
            "wrong_side_elsewhere": ratio_statistics(overlaps[1] < overlaps[0]),
        }

    return compute


_SIDE_SCORES = (
    DescribedScore(
        "wrong_side_lower",
        "ratio",
        ("wrong_side_lower",),
        "the phrase with left and right swapped scores lower",
        "higher",
        headline=True,
    ),
    DescribedScore("score_fall", "ratio", ("score_fall",), "fall of the best score, mean", "higher"),
    DescribedScore(
        "wrong_side_elsewhere",
        "ratio",
        ("wrong_side_elsewhere",),
        "its best box overlaps the true boxes less",
        "higher",
    ),
)


def _lenient_statistics(phrases: Phrases, answers: Sequence[Answer], threshold: float) -> Statistics:
    kept = [own.boxes[own.scores >= threshold] for own in answers]
    pairs = list(zip(kept, phrases.boxes, strict=True))
    lenient = {
        "lenient_iou": [lenient_overlap(*pair) for pair in pairs],
        "sample_ap": [sample_precision(*pair) for pair in pairs],
    }
    return {
        **{
            name: ratio_statistics([one or 0.0 for one in values], [one is not None for one in values])
            for name, values in lenient.items()
        },
        "strict_iou": ratio_statistics([best_overlaps(*pair).mean() for pair in pairs]),
        "has_box": ratio_statistics([len(boxes) > 0 for boxes in kept]),
    }


_LENIENT_SCORES = (
    DescribedScore(
        "lenient_iou",
        "ratio",
        ("lenient_iou",),
        "AnatomiX's IoU: of a found box with any true box; phrases without a box are left out",
        "higher",
        lenient_of="anatomix/strict_iou",
    ),
    DescribedScore(
        "strict_iou",
        "ratio",
        ("strict_iou",),
        "strict IoU: of a true box with any found box; no box counts 0",
        "higher",
    ),
    DescribedScore(
        "sample_ap",
        "ratio",
        ("sample_ap",),
        "AnatomiX's mAP: of each phrase by itself, all scores equal, IoU 0.25, 0.5, 0.75 and 0.95",
        "higher",
        lenient_of="boxes/map_lenient_iou",
    ),
    DescribedScore("has_box", "ratio", ("has_box",), "phrases with a box", "higher"),
)


def _found(answers: Sequence[Answer], threshold: float) -> Pairs:
    return ratio_statistics([float(own.scores.max(initial=0.0) >= threshold) for own in answers])


_DENIAL_SCORES = (
    DescribedScore(
        "false_box",
        "ratio",
        ("false_box",),
        "sentences that deny findings, with a box",
        "lower",
        headline=True,
    ),
)
