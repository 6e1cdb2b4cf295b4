"""Region explanation: a sentence for a box, against what the report says of it.

Boxes are those of MS-CXR's phrases, or of the regions of Chest ImaGenome that a report speaks of. Scores are
those of `report_generation`, among them the agreement of findings as Plainfilm's labeller reads both texts
(it is not CheXbert), and of regions METEOR where they are normal and abnormal, and the ratio of METEOR with
the own text to METEOR with the texts of other boxes of the film: 1 for sentences that do not depend on the
box. Baselines are texts of the training split: the commonest, that of the most similar box, a random one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from plainfilm.bank.search import search
from plainfilm.collection import Collection
from plainfilm.errors import NothingToEvaluate
from plainfilm.metrics.reports.meteor import meteor
from plainfilm.metrics.scores import Statistics, count, ratio_statistics
from plainfilm.progress import SILENT, Progress
from plainfilm.seeding import generator
from plainfilm.tasks.base import Example, Metric, Results, ShownBox, ShownImage, ShownSentence
from plainfilm.tasks.locating.described import (
    ABNORMAL,
    NORMAL,
    About,
    DescribedBoxes,
    abnormal_regions,
    boxes_about,
    what_about,
)
from plainfilm.tasks.locating.films import BoxedFilms, gather_boxed_films
from plainfilm.tasks.locating.gallery import examples_of
from plainfilm.tasks.locating.protocol import KINDS_DESCRIBED, films_to_ask
from plainfilm.tasks.reporting.baselines import most_frequent_report, random_reports
from plainfilm.tasks.reporting.examples import LEGEND
from plainfilm.tasks.reporting.pairs import ReportPairs, ScoredReports, score_pairs
from plainfilm.tasks.reporting.scores import ReadReport, ReportReader, TextSettings
from plainfilm.tasks.scoring.measure import (
    DescribedScore,
    Measured,
    Resampling,
    film_subgroups,
    identity,
    items_table,
    known_split,
    measure,
    views_of_films,
)
from plainfilm.types import View

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

NEEDS = ("describes",)
GROUP = "regions"
OTHERS = 3
"""Texts of other boxes of the film that a sentence is compared with."""
BASELINES = {
    "most_frequent": "the commonest text of those with the commonest set of findings in the training split",
    "nearest": "the text of the training box with the vector most similar to that of the box",
    "random": "a random text of the training split",
}


class Config(TextSettings):
    """The protocol, see also `reporting.scores.TextSettings`.

    about: "findings" (MS-CXR), "regions" (Chest ImaGenome), or whichever the films have. split, views: of the
    films. baseline_split: of the texts for baselines. random_draws: number of draws of the random baseline.
    max_films: at most this many films. examples: number of films of each kind in the gallery.
    """

    about: About = "auto"
    split: str = "test"
    views: tuple[View, ...] | None = None
    baseline_split: str = "train"
    random_draws: int = Field(default=3, ge=1)
    max_films: int | None = Field(default=None, ge=1)
    examples: int = Field(default=4, ge=0)

    @field_validator("split", "baseline_split")
    @classmethod
    def _known_split(cls, value: str) -> str:
        return known_split(value)


def run(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress = SILENT
) -> Results:
    """Describe every box, and score the sentences; see the module.

    Raises:
        UsageError: the model does not describe boxes.
        LeakageError: patients of the films are among those of the training split.
        NothingToEvaluate: no film of the split has a box with a text.
    """
    films = films_to_ask(predictor, collections, config, KINDS_DESCRIBED).first(config.max_films)
    about = what_about(collections, films, config.about)
    boxes = with_text(boxes_about(films, about))
    if not len(boxes):
        raise NothingToEvaluate(f"no box about {about} in split '{config.split}' has a text")
    written = [
        sentence
        for own in predictor.stream_described(films.paths, boxes.of_films(len(films)), progress)
        for sentence in own
    ]
    settings = TextSettings(**{name: getattr(config, name) for name in TextSettings.model_fields})
    baselines, training = _baselines(predictor, collections, films, boxes, about, config, progress)
    patients, ids = films.patients[boxes.film], boxes.ids(films)
    pairs = ReportPairs(ids, patients.tolist(), boxes.texts, written, f"texts of {about}", baselines)
    subgroups = film_subgroups(collections, films.frame)
    parts = {name: mask[boxes.film] for name, mask in subgroups.items()}
    scored = score_pairs(pairs, settings, parts, progress)
    abnormal = abnormal_regions(collections, films, boxes)
    metrics, items = _by_region(scored, boxes, abnormal, patients, config)
    return Results(
        task="region_explanation",
        question="Does the model say of a box what the report says of it?",
        model=predictor.name,
        collection="+".join(collection.name for collection in collections),
        split=config.split,
        n=len(boxes),
        protocol={
            **config.model_dump(mode="json"),
            **identity(predictor, collections, config.resamples),
            **scored.protocol,
            "about": about,
            "views": views_of_films(predictor, config.views),
            "films": len(films),
            "baselines": {name: BASELINES[name] for name in baselines},
            "baseline_boxes": training,
            "others_compared": OTHERS,
        },
        metrics=(*scored.metrics, *metrics),
        predictions=scored.predictions.assign(name=boxes.names),
        items=items,
        counted="boxes",
        must_match=("references", "about"),
        tables=scored.tables,
        figures=scored.figures,
        examples=_examples(films, boxes, scored, config),
        introduction="Boxes with their text and the sentence of the model, by METEOR.",
        legend=LEGEND,
    )


def with_text(boxes: DescribedBoxes) -> DescribedBoxes:
    """The boxes that a text is about."""
    return boxes.part(np.array([bool(text.strip()) for text in boxes.texts], dtype=bool))


def _baselines(
    predictor: Predictor,
    collections: Sequence[Collection],
    films: BoxedFilms,
    boxes: DescribedBoxes,
    about: About,
    config: Config,
    progress: Progress,
) -> tuple[dict[str, list[list[str]]], int]:
    """The baselines that can be had, and the number of boxes that they come from."""
    views = views_of_films(predictor, config.views)
    training = gather_boxed_films(collections, config.baseline_split, views).of_kind(*KINDS_DESCRIBED)
    known = with_text(boxes_about(training, about)) if config.baseline_split != config.split else None
    if known is None or not len(known):
        progress.log(f"no texts of split '{config.baseline_split}': no baselines")
        return {}, 0
    settings = TextSettings(**{name: getattr(config, name) for name in TextSettings.model_fields})
    commonest = most_frequent_report(known.texts, ReportReader(settings))
    found = {
        "most_frequent": [[commonest] * len(boxes)],
        "random": random_reports(known.texts, len(boxes), config.random_draws, config.seed),
    }
    if predictor.abilities & {"encodes_regions", "locates_by_patches"}:
        there, here = (
            np.concatenate(list(predictor.stream_regions(of.paths, own.of_films(len(of)), progress)))
            for of, own in ((training, known), (films, boxes))
        )
        found["nearest"] = [[known.texts[place] for place in search(there, here, 1)[1][:, 0].tolist()]]
    return found, len(known)


def _by_region(
    scored: ScoredReports,
    boxes: DescribedBoxes,
    abnormal: NDArray[np.int8],
    patients: NDArray[np.str_],
    config: Config,
) -> tuple[list[Metric], Any]:
    """METEOR where boxes are normal and abnormal, and by itself and with the texts of other boxes."""
    import pandas as pd

    others = _others(boxes, config.seed)

    def statistics(candidates: Sequence[ReadReport]) -> Statistics:
        own = _meteor(scored.references, candidates)
        mismatched = np.zeros(len(boxes))
        for row, places in others.items():
            pairs = [scored.references[place] for place in places]
            mismatched[row] = _meteor(pairs, [candidates[row]] * len(places)).mean()
        has = np.array([row in others for row in range(len(boxes))])
        return {
            "meteor_ratio": ratio_statistics(own * has, mismatched),
            f"meteor_{NORMAL}": ratio_statistics(own * (abnormal == 0), abnormal == 0),
            f"meteor_{ABNORMAL}": ratio_statistics(own * (abnormal == 1), abnormal == 1),
        }

    baselines = {
        name: statistics(scored.reader.read(draws[0])) for name, draws in scored.pairs.baselines.items()
    }
    measured = Measured(GROUP, statistics(scored.candidates), baselines, patients, "By box")
    resampling = Resampling(count, config.resamples, config.seed)
    items = items_table(measured, scored.pairs.ids)
    return measure(measured, _SCORES, resampling), pd.concat([scored.items, items], ignore_index=True)


_SCORES = (
    DescribedScore(
        "meteor_ratio",
        "ratio",
        ("meteor_ratio",),
        "METEOR with the own text, over that with texts of other boxes of the film",
        "higher",
        headline=True,
    ),
    DescribedScore(f"meteor_{NORMAL}", "ratio", (f"meteor_{NORMAL}",), "METEOR of normal regions", "higher"),
    DescribedScore(
        f"meteor_{ABNORMAL}", "ratio", (f"meteor_{ABNORMAL}",), "METEOR of abnormal regions", "higher"
    ),
)


def _meteor(references: Sequence[ReadReport], candidates: Sequence[ReadReport]) -> NDArray[np.float64]:
    return meteor([one.words for one in references], [one.words for one in candidates])


def _others(boxes: DescribedBoxes, seed: int) -> Mapping[int, list[int]]:
    """For each box of a film with boxes of other texts some of these, drawn by the seed."""
    found: dict[int, list[int]] = {}
    for row, film in enumerate(boxes.film.tolist()):
        same = np.flatnonzero(boxes.film == film).tolist()
        others = [place for place in same if boxes.texts[place] != boxes.texts[row]]
        if others:
            order = generator(seed, "texts of other boxes", row).permutation(len(others))
            found[row] = [others[place] for place in order[:OTHERS]]
    return found


def _examples(
    films: BoxedFilms, boxes: DescribedBoxes, scored: ScoredReports, config: Config
) -> tuple[Example, ...]:
    values = scored.predictions["meteor"].to_numpy()

    def example(place: int, kind: str) -> Example:
        film, name = int(boxes.film[place]), boxes.names[place]
        shown = ShownBox.at(boxes.boxes[place], name, "truth")
        return Example(
            f"{name}, METEOR {values[place]:.2f}",
            kind,
            ShownImage(films.ids[film], films.paths[film], (shown,)),
            (
                ShownSentence(boxes.texts[place], "report", (0,)),
                ShownSentence(scored.candidates[place].text or "(nothing)", "model", (0,)),
            ),
        )

    return examples_of(values, films.patients[boxes.film], config.examples, config.seed, example)
