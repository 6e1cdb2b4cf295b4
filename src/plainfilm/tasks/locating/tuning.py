"""Tunes the boxes of a model on validation films: the settings of `predictor.box_tuning.BoxTuning`.

The published search (ChEX, arXiv:2404.15770) in turn: the score of a box, its size for each class, and the
overlap above which a box is left out, each by mean average precision (IoU 0.1 to 0.7, mean of classes). The
size of the boxes of all other texts is that of the phrases on these films, or unchanged without any. Of
equally good values the one listed first is taken, and the first changes nothing, so that nothing changes
without a gain. Then scores are calibrated, and the threshold is fitted below which nothing was found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

from plainfilm.collection import Collection
from plainfilm.collection.leaks import check_unseen
from plainfilm.config import Settings
from plainfilm.errors import UsageError
from plainfilm.geometry import Boxes
from plainfilm.metrics.calibration import fit_platt
from plainfilm.metrics.classification import Criterion, best_threshold
from plainfilm.metrics.detection import FALSE, HIT, IOU_THRESHOLDS, MISSED, UNKNOWN, match_boxes, rank_boxes
from plainfilm.predictor.box_tuning import (
    BoxTuning,
    ScoreRule,
    logit,
    prompt_score,
    scaled,
    scales_of,
    unsuppressed,
)
from plainfilm.predictor.locate import FoundText
from plainfilm.progress import SILENT, Progress
from plainfilm.tasks.locating.box_scores import ClassBoxes
from plainfilm.tasks.locating.classes import ClassList, Wording, class_list
from plainfilm.tasks.locating.films import OBSERVATION, PHRASE, BoxedFilms, gather_boxed_films
from plainfilm.tasks.locating.phrases import Phrases, phrases_of
from plainfilm.tasks.locating.presence import known_presence
from plainfilm.tasks.scoring.measure import known_split, views_of_films

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

SCALES = (1.0, 0.9, 1.1, 0.8, 1.2, 1.3, 1.4, 1.5, 2.0)
OVERLAPS = (None, 0.5, 0.25, 0.1, 0.05)
TEMPERATURES = tuple(round(0.05 * step, 2) for step in range(1, 10))
RULES: tuple[tuple[ScoreRule, float], ...] = (
    ("own", 1.0),
    ("prompt", 1.0),
    *(("both", temperature) for temperature in TEMPERATURES),
)
FEWEST_BOXES = 5
"""A class with fewer true boxes, and fewer boxes of phrases, are not given another size."""

Floats = NDArray[np.float64]
Value = TypeVar("Value")


class Config(Settings):
    """split: of the films. classes, wording: see `detection`. criterion: of the threshold below which nothing
    was found."""

    split: str = "validation"
    classes: str | tuple[str, ...] = "auto"
    wording: Wording = "names"
    criterion: Criterion = "f1"

    @field_validator("split")
    @classmethod
    def _known_split(cls, value: str) -> str:
        return known_split(value)


@dataclass(frozen=True)
class Tuned:
    """A tuning, and mean average precision on the films it was tuned on without and with it."""

    tuning: BoxTuning
    before: float
    after: float
    films: int


@dataclass(frozen=True)
class _Films:
    """What was found on N films for C classes: found (N, C), and margins (N, C) of each box (K,) with its
    prompt and the denial of it, `None` of a model that compares neither. phrases and said (P,): phrases on
    the films, and what was found for them."""

    films: BoxedFilms
    classes: ClassList
    truth: ClassBoxes
    found: Sequence[Sequence[FoundText]]
    margins: Sequence[Sequence[Floats]] | None
    phrases: Phrases
    said: Sequence[FoundText]


def tune_boxes(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress = SILENT
) -> Tuned:
    """Fit the tuning of a model on the films of a split that have boxes of classes.

    Raises:
        UsageError: the model does not find boxes, or no film of the split has one.
        LeakageError: the model was trained on patients of the films.
    """
    if "locates" not in predictor.abilities:
        raise UsageError(f"{predictor.name}: tune: the model does not locate phrases as boxes")
    if predictor.trained_patients is not None:
        check_unseen(predictor.trained_patients, [(one, config.split) for one in collections])
    asked = _ask(predictor.without_tuning(), collections, config, progress)
    plain = BoxTuning(model_fingerprint=predictor.fingerprint)
    rules = RULES if asked.margins is not None else RULES[:1]
    rule, temperature = _best(rules, lambda own: _precision(asked, own, _same(1.0), None))
    scores = (rule, temperature)
    common = _phrase_scale(asked)
    scales = _scales(asked, scores)
    overlap = _best(OVERLAPS, lambda own: _precision(asked, scores, scales, own))
    prompts = dict(zip(asked.classes.classes, asked.classes.prompts, strict=True))
    tuning = plain.model_copy(
        update={
            "scale": common,
            "scales": scales_of({prompts[name]: scales[name] for name in asked.classes.classes}, common),
            "overlap": overlap,
            "score": rule,
            "temperature": temperature,
            "denials": _denials(asked) if rule != "own" else {},
        }
    )
    before, after = _precision(asked, RULES[0], _same(1.0), None), _precision(asked, scores, scales, overlap)
    tuning = _calibrated(asked, tuning, collections, scores, config)
    protocol = _protocol(predictor, collections, asked, config, (before, after))
    return Tuned(tuning.model_copy(update={"protocol": protocol}), before, after, len(asked.films))


def _ask(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress
) -> _Films:
    views = views_of_films(predictor, None)
    films = gather_boxed_films(collections, config.split, views).of_kind(OBSERVATION, PHRASE)
    where = ", ".join(str(collection.path) for collection in collections)
    if films.boxes.empty:
        raise UsageError(f"{where}: no film of split '{config.split}' has a box of a finding to tune with")
    classes = class_list(config.classes, films.boxes["name"], config.wording)
    truth = ClassBoxes(classes.classes, films.named(classes.classes), films.sizes)
    if not truth.most:
        raise UsageError(
            f"{where}: no film of split '{config.split}' has a box of {', '.join(classes.classes)}"
        )
    located = predictor.stream_located(films.paths, [classes.prompts] * len(films), progress)
    found = [own for _, own in located]
    margins = None
    if "encodes_regions" in predictor.abilities:
        margins = _margins(predictor, films, classes, found, progress)
    phrases = phrases_of(films)
    texts: list[list[str]] = [[] for _ in range(len(films))]
    for film, text in zip(phrases.film.tolist(), phrases.texts, strict=True):
        texts[film].append(text)
    said = [one for _, own in predictor.stream_located(films.paths, texts, progress) for one in own]
    return _Films(films, classes, truth, found, margins, phrases, said)


def _margins(
    predictor: Predictor,
    films: BoxedFilms,
    classes: ClassList,
    found: Sequence[Sequence[FoundText]],
    progress: Progress,
) -> list[list[Floats]]:
    texts = predictor.encode_texts([*classes.prompts, *classes.denials], progress).astype(np.float64)
    count = len(classes.classes)
    differences = texts[:count] - texts[count:]
    boxes = [np.concatenate([one.boxes for one in own]) for own in found]
    # A box that clipping made empty shows nothing that could be encoded.
    usable = [(own[:, 2] > own[:, 0]) & (own[:, 3] > own[:, 1]) for own in boxes]
    kept = [own[mask] for own, mask in zip(boxes, usable, strict=True)]
    margins = []
    vectors = predictor.stream_regions(films.paths, kept, progress)
    for own, mask, each in zip(found, usable, vectors, strict=True):
        place = np.repeat(np.arange(count), [len(one.boxes) for one in own])
        values = np.zeros(len(mask))
        values[mask] = (each * differences[place[mask]]).sum(axis=1)
        margins.append(np.split(values, np.cumsum([len(one.boxes) for one in own])[:-1]))
    return margins


def _best(values: Iterable[Value], worth: Callable[[Value], float]) -> Value:
    """The value of the highest worth, the first of equal ones."""
    return max(values, key=worth)


def _same(scale: float) -> dict[str, float]:
    return _Same(scale)


class _Same(dict[str, float]):
    """One scale for every class."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self._scale = scale

    def __missing__(self, name: str) -> float:
        return self._scale


def _scores(asked: _Films, film: int, place: int, rule: tuple[ScoreRule, float]) -> Floats:
    own = asked.found[film][place].scores.astype(np.float64)
    if asked.margins is None:
        return own
    return prompt_score(rule[0], own, asked.margins[film][place], rule[1])


def _after(
    asked: _Films, film: int, place: int, rule: tuple[ScoreRule, float], scale: float, overlap: float | None
) -> tuple[Floats, Floats]:
    """Boxes and scores of a class on a film, best first."""
    scores = _scores(asked, film, place, rule)
    order = np.argsort(-scores, kind="stable")
    boxes = scaled(asked.found[film][place].boxes[order], scale, asked.truth.sizes[film])
    kept = unsuppressed(boxes, overlap)
    return boxes[kept], scores[order][kept]


def _class_precision(
    asked: _Films, place: int, rule: tuple[ScoreRule, float], scale: float, overlap: float | None
) -> float:
    """Average precision of one class."""
    films = range(len(asked.films))
    found = [_after(asked, film, place, rule, scale, overlap) for film in films]
    return _average_precision(found, [asked.truth.true[film][place] for film in films])


def _average_precision(found: Sequence[tuple[Boxes, Floats]], truth: Sequence[Boxes]) -> float:
    """Of boxes and scores with true boxes of each film, mean of `IOU_THRESHOLDS`; NaN without true boxes."""
    scores, codes = [], []
    for (boxes, own), true in zip(found, truth, strict=True):
        match = match_boxes(boxes, own, true)
        scores.append(np.concatenate([own[match.order], np.zeros(len(true))]))
        missed = np.where(match.found(len(true)), UNKNOWN, MISSED)
        codes.append(np.concatenate([np.where(match.taken >= 0, HIT, FALSE), missed], axis=1))
    columns = np.concatenate(codes, axis=1).T
    values = np.tile(np.concatenate(scores)[:, None], (1, len(IOU_THRESHOLDS)))
    return float(rank_boxes(values, columns).under(np.ones((1, len(columns))))[0].mean())


def _precision(
    asked: _Films, rule: tuple[ScoreRule, float], scales: dict[str, float], overlap: float | None
) -> float:
    """Mean average precision over the classes that have boxes."""
    return float(
        np.mean(
            [
                _class_precision(asked, place, rule, scales[asked.classes.classes[place]], overlap)
                for place in np.flatnonzero(asked.truth.counts.sum(axis=0)).tolist()
            ]
        )
    )


def _phrase_scale(asked: _Films) -> float:
    """The best size of boxes of phrases, all phrases as one class."""
    if sum(map(len, asked.phrases.boxes)) < FEWEST_BOXES:
        return 1.0
    sizes = [asked.truth.sizes[film] for film in asked.phrases.film.tolist()]

    def precision(scale: float) -> float:
        pairs = zip(asked.said, sizes, strict=True)
        found = [(scaled(one.boxes, scale, size), one.scores.astype(np.float64)) for one, size in pairs]
        return _average_precision(found, asked.phrases.boxes)

    return _best(SCALES, precision)


def _scales(asked: _Films, rule: tuple[ScoreRule, float]) -> dict[str, float]:
    """The best size of each class with enough boxes."""
    found = {}
    for place, name in enumerate(asked.classes.classes):
        enough = asked.truth.counts[:, place].sum() >= FEWEST_BOXES
        found[name] = _best(SCALES, partial(_scale_worth, asked, place, rule)) if enough else 1.0
    return found


def _scale_worth(asked: _Films, place: int, rule: tuple[ScoreRule, float], scale: float) -> float:
    return _class_precision(asked, place, rule, scale, None)


def _denials(asked: _Films) -> dict[str, str]:
    pairs = zip(asked.classes.prompts, asked.classes.denials, strict=True)
    return {prompt.lower(): denial for prompt, denial in pairs}


def _calibrated(
    asked: _Films,
    tuning: BoxTuning,
    collections: Sequence[Collection],
    rule: tuple[ScoreRule, float],
    config: Config,
) -> BoxTuning:
    """With the calibration of the best box's score, and the threshold, by whether films show the classes."""
    boxed = asked.truth.counts > 0
    present, known = known_presence(collections, asked.films, asked.classes.classes, boxed)
    best = np.array(
        [
            [_scores(asked, film, place, rule).max(initial=0.0) for place in range(boxed.shape[1])]
            for film in range(len(asked.films))
        ]
    )
    fitted = fit_platt(logit(best[known]), present[known])
    if fitted is None:
        return tuning
    tuning = tuning.model_copy(update={"slope": fitted.slope, "bias": fitted.bias})
    threshold = best_threshold(tuning.calibrated(best[known]), present[known], config.criterion)
    return tuning.model_copy(update={"threshold": threshold})


def _protocol(
    predictor: Predictor,
    collections: Sequence[Collection],
    asked: _Films,
    config: Config,
    precision: tuple[float, float],
) -> dict[str, Any]:
    return {
        **config.model_dump(mode="json"),
        "views": views_of_films(predictor, None),
        "collection_fingerprints": [collection.fingerprint for collection in collections],
        "class_list": asked.classes.name,
        "films": len(asked.films),
        "phrases": len(asked.phrases),
        "boxes": dict(zip(asked.classes.classes, asked.truth.counts.sum(axis=0).tolist(), strict=True)),
        "fewest_boxes": FEWEST_BOXES,
        "ties": "the value listed first, which changes nothing",
        "map_before": round(precision[0], 6),
        "map_after_on_the_same_films": round(precision[1], 6),
    }
