"""Detection: boxes for the findings of a list of classes, each asked by its prompt.

Boxes and scores are those that the model gives to the prompt of a class. Scores are average precision as
pycocotools computes it, at the published IoU thresholds 0.1 to 0.7, by class, by IoU and by size of box; the
share of true boxes found at a number of false ones (FROC); whether the best box's score tells films with the
finding from those without (AUROC); and how often a box is found where the finding is there, where it is not,
and where the prompt itself denies it. Baselines are the mean box of each class, and random boxes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
from pydantic import Field

from plainfilm.collection import Collection
from plainfilm.errors import NothingToEvaluate
from plainfilm.metrics.detection import IOU_THRESHOLDS
from plainfilm.progress import SILENT, Progress
from plainfilm.tasks.base import (
    Curve,
    CurveFigure,
    Figure,
    IntervalFigure,
    Metric,
    Results,
    ScoreTable,
    Series,
)
from plainfilm.tasks.locating.answers import Way, chosen_way, stream_answers
from plainfilm.tasks.locating.baselines import BASELINES, baseline_answers
from plainfilm.tasks.locating.box_scores import FALSE_PER_FILM, FROC_IOU, Answers, ClassBoxes
from plainfilm.tasks.locating.class_measures import FILMS, PROMPTS, ClassAnswers, measure_classes
from plainfilm.tasks.locating.classes import ClassList, Wording, class_list
from plainfilm.tasks.locating.films import OBSERVATION, PHRASE, BoxedFilms
from plainfilm.tasks.locating.gallery import LEGEND, class_examples
from plainfilm.tasks.locating.presence import known_presence
from plainfilm.tasks.locating.protocol import (
    LocatingConfig,
    films_to_ask,
    prior_of,
    shared_protocol,
    threshold_of,
)
from plainfilm.tasks.scoring.measure import film_subgroups, identity

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

NEEDS = ("encodes_texts",)
KINDS = (OBSERVATION, PHRASE)
_EXHAUSTIVE = ("vindr15",)
"""Lists whose corpus draws boxes on every film that shows a class; others know films with boxes only."""


class Config(LocatingConfig):
    """The protocol, see also `locating.protocol.LocatingConfig`.

    classes: "auto", a list of `locating.classes` (vindr15, nih8, mscxr) or names of boxes. wording: the
    prompts of classes, their names or those of ChEX. films: with boxes, or all; by default all where readers
    drew boxes on every film. way: see `locating.answers`. boxes_per_prompt: at most this many boxes of an
    answer count.
    """

    classes: str | tuple[str, ...] = "auto"
    wording: Wording = "names"
    films: str = Field(default="auto", pattern="^(auto|boxed|all)$")
    way: Way = "auto"
    boxes_per_prompt: int = Field(default=5, ge=1)


def run(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress = SILENT
) -> Results:
    """Ask for every class on every film, and score the boxes; see the module.

    Raises:
        UsageError: the model does not locate texts.
        LeakageError: patients of the films are among those of the training split.
        NothingToEvaluate: no film of the split has a box of the classes.
    """
    way = chosen_way(predictor, config.way)
    boxed = films_to_ask(predictor, collections, config, KINDS)
    classes = class_list(config.classes, boxed.boxes["name"], config.wording)
    every = config.films == "all" or (config.films == "auto" and classes.name in _EXHAUSTIVE)
    films = films_to_ask(predictor, collections, config, KINDS, every=True) if every else boxed
    films = films.first(config.max_films)
    truth = ClassBoxes(classes.classes, films.named(classes.classes), films.sizes)
    if not truth.most:
        raise NothingToEvaluate(
            f"{'+'.join(one.name for one in collections)}: no film of split '{config.split}' has a box of "
            f"the classes {classes.name}: {', '.join(classes.classes)}"
        )
    asked = (*classes.prompts, *classes.denials)
    found = list(
        stream_answers(predictor, films.paths, [asked] * len(films), way, config.boxes_per_prompt, progress)
    )
    prior, prior_split = prior_of(predictor, collections, config, KINDS)
    count = len(classes.classes)
    said = [classes.classes * 2] * len(films)
    every_answer: dict[str, Answers] = {"": found}
    every_answer.update(baseline_answers(prior, said, films, config.seed))
    answers = ClassAnswers(
        {name: [own[:count] for own in each] for name, each in every_answer.items()},
        {name: [own[count:] for own in each] for name, each in every_answer.items()},
    )
    measured = measure_classes(
        films,
        truth,
        answers,
        known_presence(collections, films, classes.classes, truth.counts > 0),
        threshold_of(predictor, config),
        (config.resamples, config.seed),
        config.boxes_per_prompt,
        film_subgroups(collections, films.frame),
    )
    return Results(
        task="detection",
        question="Does the model find the boxes of findings that it is asked for by name?",
        model=predictor.name,
        collection="+".join(collection.name for collection in collections),
        split=config.split,
        n=len(films),
        protocol={
            **shared_protocol(config, predictor, prior, prior_split),
            **identity(predictor, collections, config.resamples),
            **_protocol(classes, truth, every, way, threshold_of(predictor, config)),
        },
        metrics=measured.metrics,
        predictions=_predictions(films, classes, answers.positive[""]),
        items=measured.items,
        must_match=("classes", "prompts", "films", "boxes_per_prompt"),
        tables=(_table(truth, measured.metrics),),
        figures=_figures(truth, measured.metrics),
        examples=class_examples(films, truth, answers.positive[""], config.examples, config.seed),
        introduction=(
            "Films with their true boxes and the best box found for each class that is there, by the mean "
            "overlap of true boxes with it."
        ),
        legend=LEGEND,
    )


def _protocol(
    classes: ClassList, truth: ClassBoxes, every: bool, way: Way, threshold: float
) -> dict[str, Any]:
    boxes = dict(zip(classes.classes, truth.counts.sum(axis=0).tolist(), strict=True))
    return {
        "classes": classes.name if classes.name != "boxes" else list(classes.classes),
        "prompts": dict(zip(classes.classes, classes.prompts, strict=True)),
        "denials": list(classes.denials),
        "boxes_of_classes": boxes,
        "classes_without_boxes_are_left_out": [name for name, count in boxes.items() if not count],
        "films": "all" if every else "with boxes",
        "way": way,
        "threshold": threshold,
        "average_precision": "as pycocotools, 101 points",
        "iou": list(IOU_THRESHOLDS),
        "baselines": BASELINES,
    }


def _predictions(films: BoxedFilms, classes: ClassList, answers: Answers) -> pd.DataFrame:
    """One row per box that was found."""
    rows = [
        (film, patient, name, *map(float, box), float(score))
        for film, patient, own in zip(films.ids, films.patients, answers, strict=True)
        for name, one in zip(classes.classes, own, strict=True)
        for box, score in zip(one.boxes, one.scores, strict=True)
    ]
    columns = ["query_id", "patient_id", "class", "x0", "y0", "x1", "y1", "score"]
    return pd.DataFrame(rows, columns=columns)


def _table(truth: ClassBoxes, metrics: Sequence[Metric]) -> ScoreTable:
    names = {metric.name for metric in metrics}
    columns = {
        "AP": "boxes/map",
        "AP at 0.3": "boxes/ap@0.3",
        "AP at 0.5": "boxes/ap@0.5",
        "AUROC of the best box": f"{FILMS}/auroc",
        "a box where present": f"{PROMPTS}/present",
        "a box where absent": f"{PROMPTS}/absent",
        "a box for a denial": f"{PROMPTS}/denied",
    }
    rows = {
        name: tuple(f"{one}/{name}" if f"{one}/{name}" in names else "" for one in columns.values())
        for name, count in zip(truth.classes, truth.counts.sum(axis=0), strict=True)
        if count
    }
    return ScoreTable(
        "Classes",
        "Average precision of boxes, and whether a film has the finding by the score of the best box. "
        "n is the number of true boxes.",
        "class",
        tuple(columns),
        rows,
    )


def _figures(truth: ClassBoxes, metrics: Sequence[Metric]) -> tuple[Figure, ...]:
    by_name = {metric.name: metric for metric in metrics}
    found = [by_name[f"boxes/map/{name}"] for name in truth.classes if f"boxes/map/{name}" in by_name]
    baselines = sorted({name for one in found for name in one.baselines})
    rates = [by_name[f"froc/froc@{rate:g}"] for rate in FALSE_PER_FILM]
    curves = [Curve("model", FALSE_PER_FILM, tuple(one.value or 0.0 for one in rates))]
    curves += [
        Curve(name, FALSE_PER_FILM, tuple(one.baselines.get(name, 0.0) for one in rates), is_baseline=True)
        for name in baselines
    ]
    return (
        IntervalFigure(
            "Average precision per class",
            "AP, mean of IoU 0.1 to 0.7; 95 % interval by patient; (true boxes)",
            tuple(f"{one.name.rpartition('map/')[2]} ({one.n})" for one in found),
            (
                Series("model", tuple(one.as_point() for one in found)),
                *(
                    Series(name, tuple(one.baseline_point(name) for one in found), is_baseline=True)
                    for name in baselines
                ),
            ),
        ),
        CurveFigure(
            "True boxes found",
            "false boxes of a class per film",
            f"true boxes found, mean over classes (IoU {FROC_IOU:g})",
            tuple(curves),
            log_x=True,
            x_ticks={rate: f"{rate:g}" for rate in FALSE_PER_FILM},
            y_limits=(0.0, 1.0),
        ),
    )
