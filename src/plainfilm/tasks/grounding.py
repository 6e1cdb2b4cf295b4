"""Grounding: boxes for phrases of reports, such as those of MS-CXR.

Every phrase is asked on its film. Scores are the published mean IoU (of all pixels of all films, averaged
over score thresholds 0.1 to 0.5), overlaps of boxes, average precision, the pointing game and the
contrast-to-noise ratio; whether a phrase that names the wrong side scores lower; and how often sentences of
the reports that deny findings get a box. The lenient definitions of AnatomiX stand beside strict ones under
their own names.
Baselines are the mean box of the phrase's class, and random boxes.

A model that finds no boxes but compares patches with texts takes part by its maps (`locating.answers`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic import Field

from plainfilm.collection import Collection
from plainfilm.errors import NothingToEvaluate
from plainfilm.progress import SILENT, Progress
from plainfilm.tasks.base import Example, Results, ShownImage, ShownSentence
from plainfilm.tasks.locating.answers import Answer, Way, chosen_way, stream_answers
from plainfilm.tasks.locating.baselines import BASELINES, baseline_answers
from plainfilm.tasks.locating.films import PHRASE, REGION_PHRASE, BoxedFilms
from plainfilm.tasks.locating.gallery import HIT_IOU, LEGEND, examples_of, shown_boxes
from plainfilm.tasks.locating.phrase_measures import PhraseAnswers, measure_phrases
from plainfilm.tasks.locating.phrases import Phrases, as_frame, denials_of, phrases_of
from plainfilm.tasks.locating.protocol import (
    KINDS_DESCRIBED,
    LocatingConfig,
    films_to_ask,
    prior_of,
    shared_protocol,
    threshold_of,
)
from plainfilm.tasks.scoring.measure import film_subgroups, identity
from plainfilm.text.laterality import mirrored, sides_of

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

NEEDS = ("encodes_texts",)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class Config(LocatingConfig):
    """The protocol, see also `locating.protocol.LocatingConfig`.

    of_regions: phrases about regions of anatomy (Chest ImaGenome) instead of those about findings (MS-CXR).
    way: see `locating.answers`. boxes_per_phrase: at most this many boxes of an answer count. denials: at
    most this many sentences of each film's report that deny are asked.
    """

    of_regions: bool = False
    way: Way = "auto"
    boxes_per_phrase: int = Field(default=5, ge=1)
    denials: int = Field(default=3, ge=0)


def run(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress = SILENT
) -> Results:
    """Ask for every phrase on its film, and score the boxes; see the module.

    Raises:
        UsageError: the model does not locate texts.
        LeakageError: patients of the films are among those of the training split.
        NothingToEvaluate: no film of the split has a box of a phrase.
    """
    way = chosen_way(predictor, config.way)
    films = films_to_ask(predictor, collections, config, KINDS_DESCRIBED).first(config.max_films)
    phrases = phrases_of(films, config.of_regions)
    if not len(phrases):
        about = "regions" if config.of_regions else "findings"
        raise NothingToEvaluate(
            f"{'+'.join(one.name for one in collections)}: no film of split '{config.split}' has a box of a "
            f"phrase about {about}"
        )
    asked = _Asked(films, phrases, denials_of(collections, films, config.denials))
    found = stream_answers(predictor, films.paths, asked.texts, way, config.boxes_per_phrase, progress)
    prior, prior_split = prior_of(
        predictor, collections, config, (REGION_PHRASE if config.of_regions else PHRASE,)
    )
    every: dict[str, Sequence[Sequence[Answer]]] = {"": list(found)}
    every.update(baseline_answers(prior, asked.names, films, config.seed, certain=True))
    answers = {name: asked.sorted(own) for name, own in every.items()}
    frame, threshold = as_frame(films, phrases), threshold_of(predictor, config)
    measured = measure_phrases(
        phrases,
        answers,
        films.patients,
        frame["query_id"].tolist(),
        threshold,
        (config.resamples, config.seed),
        config.boxes_per_phrase,
        film_subgroups(collections, films.frame),
    )
    own = answers[""].phrases
    return Results(
        task="grounding",
        question="Does the model find the place that a phrase of a report speaks of?",
        model=predictor.name,
        collection="+".join(collection.name for collection in collections),
        split=config.split,
        n=len(phrases),
        protocol={
            **shared_protocol(config, predictor, prior, prior_split),
            **identity(predictor, collections, config.resamples),
            "way": way,
            "threshold": threshold,
            "films": len(films),
            "one_sided_phrases": len(asked.one_sided),
            "denials_asked": len(answers[""].denied),
            "quantiles_of_top_iou": _quantiles(measured.top_overlaps),
            "baselines": BASELINES,
        },
        metrics=measured.metrics,
        predictions=_predictions(frame, own, measured.top_overlaps),
        items=measured.items,
        counted="phrases",
        must_match=("of_regions", "boxes_per_phrase", "denials", "max_films"),
        examples=_examples(films, phrases, own, measured.top_overlaps, config),
        introduction=(
            "Phrases with their true boxes and the boxes that were found, by the overlap of a true box with "
            "the box of the highest score."
        ),
        legend=LEGEND,
    )


class _Asked:
    """What is asked of each film: its phrases, those that name one side with the other, and denials."""

    def __init__(self, films: BoxedFilms, phrases: Phrases, denials: Sequence[Sequence[str]]) -> None:
        self.phrases = phrases
        self.one_sided = [place for place, text in enumerate(phrases.texts) if len(sides_of(text)) == 1]
        self._of_film: list[list[tuple[str, int]]] = [[] for _ in range(len(films))]
        self._denied: list[tuple[int, str]] = []
        for place, film in enumerate(phrases.film.tolist()):
            self._of_film[film].append(("phrase", place))
        for number, place in enumerate(self.one_sided):
            self._of_film[int(phrases.film[place])].append(("mirrored", number))
        for film, own in enumerate(denials):
            for text in own:
                self._of_film[film].append(("denied", len(self._denied)))
                self._denied.append((film, text))

    def _each(self) -> Iterator[list[tuple[str, str]]]:
        """Of each film text and class of what is asked."""
        texts, names = self.phrases.texts, self.phrases.names
        for own in self._of_film:
            pairs = []
            for kind, place in own:
                if kind == "denied":
                    pairs.append((self._denied[place][1], ""))
                else:
                    at = place if kind == "phrase" else self.one_sided[place]
                    pairs.append((texts[at] if kind == "phrase" else mirrored(texts[at]), names[at]))
            yield pairs

    @property
    def texts(self) -> list[list[str]]:
        """(N,)"""
        return [[text for text, _ in own] for own in self._each()]

    @property
    def names(self) -> list[list[str]]:
        """(N,) the classes of the texts; "" for a denial, which names none."""
        return [[name for _, name in own] for own in self._each()]

    def sorted(self, answers: Sequence[Sequence[Answer]]) -> PhraseAnswers:
        """The answers of each film by what they are to."""
        found: dict[str, dict[int, Answer]] = {"phrase": {}, "mirrored": {}, "denied": {}}
        for own, said in zip(self._of_film, answers, strict=True):
            for (kind, place), answer in zip(own, said, strict=True):
                found[kind][place] = answer
        phrase, mirror, denied = ([of[place] for place in sorted(of)] for of in found.values())
        return PhraseAnswers(
            phrase,
            np.array(self.one_sided, dtype=np.int64),
            mirror,
            np.array([film for film, _ in self._denied], dtype=np.int64),
            denied,
        )


def _quantiles(values: np.ndarray) -> dict[str, float]:
    return {f"{at:.0%}": round(float(np.quantile(values, at)), 4) for at in QUANTILES}


def _predictions(frame: pd.DataFrame, answers: Sequence[Answer], overlaps: np.ndarray) -> pd.DataFrame:
    """One row per phrase with its boxes, each x0, y0, x1, y1 and score."""
    boxes = [np.column_stack([one.boxes, one.scores]).tolist() for one in answers]
    return frame.assign(top_iou=overlaps, boxes=boxes)


def _examples(
    films: BoxedFilms, phrases: Phrases, answers: Sequence[Answer], overlaps: np.ndarray, config: Config
) -> tuple[Example, ...]:
    def example(place: int, kind: str) -> Example:
        film, own, true = int(phrases.film[place]), answers[place], phrases.boxes[place]
        image = ShownImage(films.ids[film], films.paths[film], shown_boxes(true, own.boxes, own.scores))
        verdict: Any = "agrees" if overlaps[place] >= HIT_IOU else "contradicts"
        places = tuple(range(len(image.boxes)))
        sentence = ShownSentence(phrases.texts[place], "phrase", places, verdict)
        return Example(f"{phrases.names[place]}, IoU {overlaps[place]:.2f}", kind, image, (sentence,))

    patients = films.patients[phrases.film]
    return examples_of(overlaps, patients, config.examples, config.seed, example)
