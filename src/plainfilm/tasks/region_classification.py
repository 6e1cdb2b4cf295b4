"""Region classification: what a box shows, by the similarity of its vector with prompts.

Boxes about findings (MS-CXR): which of the classes; AUROC of each class against the rest, accuracy and
Matthews correlation coefficient. Regions of anatomy (Chest ImaGenome): which findings; AUROC of every pair of
region and finding, weighted by positives as published, F1, and the same for whole films by their highest
region. Baselines answer without the film, and the model itself asked about the whole film instead of the box.

A model that does not encode boxes takes part by the mean of its patches below a box.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.batches.prompted_boxes import prompt_of
from plainfilm.collection import Collection
from plainfilm.errors import NothingToEvaluate
from plainfilm.metrics.scores import Score, Statistics
from plainfilm.progress import SILENT, Progress
from plainfilm.tasks.base import Example, Metric, Results, ScoreTable, ShownBox, ShownImage, ShownSentence
from plainfilm.tasks.locating import box_classes, region_findings
from plainfilm.tasks.locating.classes import Wording, class_list, denial_of
from plainfilm.tasks.locating.described import About, DescribedBoxes, boxes_about, what_about
from plainfilm.tasks.locating.films import PHRASE, REGION, BoxedFilms, gather_boxed_films
from plainfilm.tasks.locating.gallery import examples_of
from plainfilm.tasks.locating.protocol import KINDS_DESCRIBED, LocatingConfig, films_to_ask, prior_of
from plainfilm.tasks.locating.region_findings import RegionTruth, region_truth
from plainfilm.tasks.scoring.measure import (
    DescribedScore,
    Measured,
    Resampling,
    film_subgroups,
    identity,
    items_table,
    measure,
    measure_film_subgroups,
    views_of_films,
)

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

NEEDS = ("encodes_texts",)

Floats = NDArray[np.float64]
Count = Callable[[Score, Statistics], int]


class Config(LocatingConfig):
    """The protocol, see also `locating.protocol.LocatingConfig`.

    about: "findings" (MS-CXR), "regions" (Chest ImaGenome), or whichever the films have. classes: of
    findings, see `locating.classes`. wording: the prompts of these classes, their names or those of ChEX.
    """

    about: About = "auto"
    classes: str | tuple[str, ...] = "auto"
    wording: Wording = "names"


def run(
    predictor: Predictor, collections: Sequence[Collection], config: Config, progress: Progress = SILENT
) -> Results:
    """Compare the vector of every box with prompts, and score the classes; see the module.

    Raises:
        UsageError: the model encodes neither boxes nor patches.
        LeakageError: patients of the films are among those of the training split.
        NothingToEvaluate: no film of the split has boxes of this kind.
    """
    films = films_to_ask(predictor, collections, config, KINDS_DESCRIBED).first(config.max_films)
    about = what_about(collections, films, config.about)
    asked = _Asked(predictor, collections, config, films, boxes_about(films, about), progress)
    measured, protocol, tables, predictions, examples = (
        _of_findings(asked) if about == "findings" else _of_regions(asked)
    )
    metrics: list[Metric] = []
    items = []
    subgroups = film_subgroups(collections, films.frame)
    for group, scores, count, ids, film in measured:
        if scores:
            counted = Resampling(count, config.resamples, config.seed)
            metrics += measure(group, scores, counted)
            metrics += measure_film_subgroups(group, scores, subgroups, film, counted)
            items.append(items_table(group, ids))
    return Results(
        task="region_classification",
        question="Can the model tell what a box shows?",
        model=predictor.name,
        collection="+".join(collection.name for collection in collections),
        split=config.split,
        n=len(asked.boxes),
        protocol={
            **config.model_dump(mode="json"),
            **identity(predictor, collections, config.resamples),
            "views": views_of_films(predictor, config.views),
            "about": about,
            "boxes_encoded_by": "boxes" if "encodes_regions" in predictor.abilities else "mean of patches",
            "films": len(films),
            **protocol,
        },
        metrics=tuple(metrics),
        predictions=predictions,
        items=pd.concat(items, ignore_index=True),
        counted="boxes",
        must_match=("about", "prompts"),
        tables=tables,
        examples=examples,
        introduction="Boxes with their class, and the classes that score highest.",
    )


class _Asked:
    """What is asked, and the vectors of boxes."""

    def __init__(
        self,
        predictor: Predictor,
        collections: Sequence[Collection],
        config: Config,
        films: BoxedFilms,
        boxes: DescribedBoxes,
        progress: Progress,
    ) -> None:
        self.predictor, self.collections, self.config = predictor, collections, config
        self.films, self.boxes, self.progress = films, boxes, progress
        whole = [np.array([[0.0, 0.0, width, height]]) for width, height in films.sizes]
        own = [np.concatenate(pair) for pair in zip(boxes.of_films(len(films)), whole, strict=True)]
        found = list(predictor.stream_regions(films.paths, own, progress))
        self.vectors: Floats = np.concatenate([each[:-1] for each in found]).astype(np.float64)
        self.whole: Floats = np.concatenate([each[-1:] for each in found]).astype(np.float64)

    def texts(self, texts: Sequence[str]) -> Floats:
        """(C, D)"""
        return self.predictor.encode_texts(list(texts), self.progress).astype(np.float64)


_Groups = list[tuple[Measured, list[DescribedScore], Count, Sequence[str], NDArray[np.int64]]]
_Parts = tuple[
    _Groups,
    dict[str, Any],
    tuple[ScoreTable, ...],
    pd.DataFrame,
    tuple[Example, ...],
]
"""Groups of metrics with the ids and films of their items, protocol, tables, predictions and examples."""


def _of_findings(asked: _Asked) -> _Parts:
    films, config = asked.films, asked.config
    listed = class_list(config.classes, asked.boxes.names, config.wording)
    kept = np.isin(asked.boxes.names, listed.classes)
    boxes = asked.boxes.part(kept)
    if not len(boxes):
        raise NothingToEvaluate(f"no box is of the classes {', '.join(listed.classes)}")
    truth = np.array([listed.classes.index(name) for name in boxes.names], dtype=np.int64)
    prompts = asked.texts(listed.prompts)
    scores = box_classes.class_scores(asked.vectors[kept], prompts)
    prior, split = prior_of(asked.predictor, asked.collections, config, (PHRASE,))
    trivial = {
        box_classes.WHOLE_FILM: box_classes.class_scores(asked.whole, prompts)[boxes.film],
    }
    if split is not None:
        trivial |= {
            box_classes.BOX_PRIOR: box_classes.prior_scores(prior, boxes, films, listed.classes),
            box_classes.MOST_FREQUENT: box_classes.frequency_scores(prior, len(boxes), listed.classes),
        }
    values = {
        name: box_classes.choice_statistics(own, truth, listed.classes)
        for name, own in {"": scores, **trivial}.items()
    }
    patients, ids = films.patients[boxes.film], boxes.ids(films)
    measured = Measured(box_classes.GROUP, values.pop(""), values, patients, "Classes of boxes")
    present = [name for name in listed.classes if name in boxes.names]
    table = ScoreTable(
        "Classes",
        "n is the number of boxes.",
        "class",
        ("accuracy", "AUROC against the rest"),
        {name: (f"boxes/recall/{name}", f"boxes/auroc/{name}") for name in present},
    )
    predictions = pd.DataFrame({"query_id": ids, "patient_id": patients, "class": boxes.names})
    for place, name in enumerate(listed.classes):
        predictions[f"score:{name}"] = scores[:, place]
    protocol = {
        "classes": listed.name,
        "prompts": dict(zip(listed.classes, listed.prompts, strict=True)),
        "boxes_of_classes": {name: boxes.names.count(name) for name in listed.classes},
        "baselines": {name: box_classes.BASELINES[name] for name in values},
    }
    group = (
        measured,
        box_classes.choice_scores(measured.values, listed.classes, present),
        box_classes.boxes_of,
        ids,
        boxes.film,
    )
    tables = (table,) if all(f"auroc/{name}" in measured.values for name in present) else ()
    return (
        [group],
        protocol,
        tables,
        predictions,
        _examples(films, boxes, scores, truth, listed.classes, config),
    )


def _examples(
    films: BoxedFilms,
    boxes: DescribedBoxes,
    scores: Floats,
    truth: NDArray[np.int64],
    classes: Sequence[str],
    config: Config,
) -> tuple[Example, ...]:
    """Boxes by how far the score of their class is above, or below, the highest of the others."""
    rows = np.arange(len(boxes))
    others = scores.copy()
    others[rows, truth] = -np.inf
    margin = scores[rows, truth] - others.max(axis=1)

    def example(place: int, kind: str) -> Example:
        film, order = int(boxes.film[place]), np.argsort(-scores[place], kind="stable")[:3]
        shown = ShownBox.at(boxes.boxes[place], boxes.names[place], "truth")
        said = tuple(
            ShownSentence(
                f"{classes[at]} ({scores[place, at]:.3f})",
                f"{number}.",
                (0,),
                "agrees" if at == truth[place] else "contradicts",
            )
            for number, at in enumerate(order.tolist(), 1)
        )
        image = ShownImage(films.ids[film], films.paths[film], (shown,))
        return Example(f"{boxes.names[place]}, margin {margin[place]:.3f}", kind, image, said)

    return examples_of(margin, films.patients[boxes.film], config.examples, config.seed, example)


def _of_regions(asked: _Asked) -> _Parts:
    films, boxes = asked.films, asked.boxes
    truth = region_truth(asked.collections, films, boxes)
    if not truth.positive.any():
        raise NothingToEvaluate("no region of these films is labelled with a finding")
    prompts = [prompt_of(name) for name in truth.findings]
    texts = asked.texts([*prompts, *map(denial_of, prompts)])
    count = len(prompts)

    def differences(vectors: Floats) -> Floats:
        cosines = vectors @ texts.T
        found: Floats = cosines[:, :count] - cosines[:, count:]
        return found

    scores = np.zeros(truth.positive.shape)
    places = [truth.regions.index(name) for name in boxes.names]
    scores[boxes.film, places] = differences(asked.vectors)
    whole = np.broadcast_to(differences(asked.whole)[:, None], scores.shape)
    values = {
        "": region_findings.region_statistics(truth, scores, scores > 0),
        region_findings.WHOLE_FILM: region_findings.region_statistics(truth, whole, whole > 0),
    }
    trained = _training_truth(asked, truth)
    if trained is not None:
        share = np.broadcast_to(region_findings.prevalence(trained), scores.shape)
        values[region_findings.PREVALENCE] = region_findings.region_statistics(truth, share, share >= 0.5)
    headings = {region_findings.REGIONS: "Regions", region_findings.FILMS: "Films, by the highest region"}
    kinds = {
        region_findings.REGIONS: region_findings.region_scores,
        region_findings.FILMS: region_findings.film_scores,
    }
    groups: _Groups = []
    for group, heading in headings.items():
        trivial = {name: own[group] for name, own in values.items() if name}
        measured = Measured(group, values[""][group], trivial, films.patients, heading)
        scored = kinds[group](measured.values)
        groups.append(
            (measured, scored, region_findings.positives, films.ids, np.arange(len(films.patients)))
        )
    protocol = {
        "prompts": dict(zip(truth.findings, prompts, strict=True)),
        "regions": list(truth.regions),
        "positives": dict(zip(truth.findings, truth.positive.sum(axis=(0, 1)).tolist(), strict=True)),
        "not_stated": "counts as not there, as published",
        "baselines": {name: region_findings.BASELINES[name] for name in values if name},
    }
    return (
        groups,
        protocol,
        (_region_table(values[""]),),
        _region_predictions(films, boxes, truth, scores),
        (),
    )


def _training_truth(asked: _Asked, truth: RegionTruth) -> RegionTruth | None:
    """The truth of the training split, for the same regions and findings."""
    views = views_of_films(asked.predictor, asked.config.views)
    for split in asked.config.baseline_splits:
        if split == asked.config.split:
            continue
        films = gather_boxed_films(asked.collections, split, views).of_kind(REGION)
        if len(films.boxes):
            names = truth.regions, truth.findings
            return region_truth(asked.collections, films, boxes_about(films, "regions"), names)
    return None


def _region_table(values: Mapping[str, Statistics]) -> ScoreTable:
    own = values[region_findings.REGIONS]
    ranked = {name.partition("/")[2].partition("@")[0] for name in own if name.startswith("auroc/")}
    called = {name.partition("/")[2] for name in own if name.startswith("f1/") and own[name][:, 1].any()}
    of_films = {name.partition("/")[2] for name in values[region_findings.FILMS] if name.startswith("auroc/")}
    return ScoreTable(
        "Findings",
        "n is the number of positive regions.",
        "finding",
        ("AUROC of regions, weighted", "F1 of regions", "AUROC of films"),
        {
            name: (f"regions/weighted_auroc/{name}", f"regions/f1/{name}", f"films/auroc/{name}")
            for name in sorted(ranked & called & of_films)
        },
    )


def _region_predictions(
    films: BoxedFilms, boxes: DescribedBoxes, truth: RegionTruth, scores: Floats
) -> pd.DataFrame:
    """One row per box: the score of every finding, and those that are there."""
    places = [truth.regions.index(name) for name in boxes.names]
    own, there = scores[boxes.film, places], truth.positive[boxes.film, places]
    frame = pd.DataFrame(
        {
            "query_id": boxes.ids(films),
            "patient_id": films.patients[boxes.film],
            "region": boxes.names,
            "findings": ["; ".join(np.array(truth.findings)[row]) for row in there],
        }
    )
    columns = {f"score:{name}": own[:, at] for at, name in enumerate(truth.findings)}
    return pd.concat([frame, pd.DataFrame(columns)], axis=1)
