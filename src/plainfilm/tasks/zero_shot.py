"""Zero-shot classification: films against prompts that state and deny each observation.

Three scores, always together: the cosine with the positive ensemble, that with the negative one (the less
alike the more positive), and both contrasted (PNC, a softmax over the two: CheXzero, Tiu et al. 2022, and
CXR-CLIP). Each by AUROC and average precision, and by F1, precision, recall and specificity at thresholds
chosen on the validation split of the same collections; where there is none, that is said and only what needs
no threshold is scored. From the validation split come also the calibration and the sets that say when to
abstain.

With `mode=multiclass` the films of exactly one class are asked which one it is (CheXpert 5x200).

The one thing this task writes by itself, and only when told to, is `save_decisions`: what was fitted on
validation, into the model's folder, for `plainfilm predict`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from plainfilm.collection import Collection
from plainfilm.errors import UsageError
from plainfilm.metrics.scores import count
from plainfilm.predictor.decisions import Ensembles
from plainfilm.progress import SILENT, Progress
from plainfilm.prompts import load_pack
from plainfilm.tasks.base import Results
from plainfilm.tasks.prompting import multiclass
from plainfilm.tasks.prompting.deciding import GROUPS, prompted
from plainfilm.tasks.prompting.films import Films, choose_prompts, score_films
from plainfilm.tasks.prompting.gallery import gallery
from plainfilm.tasks.prompting.judging import (
    FITTED_ON,
    SUBGROUP_SCORES,
    JudgingConfig,
    World,
    decide,
    judge,
    results_of,
)
from plainfilm.tasks.scoring.films import film_subgroups
from plainfilm.tasks.scoring.label_choice import labels_asked
from plainfilm.tasks.scoring.measure import Measured, items_table, measure, measure_subgroups
from plainfilm.tasks.scoring.protocol import check_no_leak

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor, ZeroShot


class Config(JudgingConfig):
    """The protocol.

    prompts: a prompt pack, by name or file. ensembles: the unit mean of the prompts' vectors, or the mean of
    their cosines. observations: by default all that labels and pack share. labels: by default those of the
    one origin that has some. The rest: see `judging.JudgingConfig`.
    """

    mode: Literal["each", "multiclass"] = "each"
    prompts: str = "cxr"
    ensembles: Ensembles = "mean"


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

    def compare(films: Films) -> ZeroShot:
        return score_films(predictor, films, vectors, progress)

    world = World(
        *("zero_shot", predictor, collections, labels, asked.observations, config, progress),
        says=lambda films: prompted(compare(films), predictor.scale, asked),
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
    films = world.asked()
    if config.mode == "multiclass":
        return _multiclass(world, films)
    fitted, found = decide(world), compare(films)
    results = judge(world, films, prompted(found, predictor.scale, asked), fitted)
    return replace(results, shown=gallery(films, found, fitted, asked))


def _multiclass(world: World, films: Films) -> Results:
    kept = multiclass.exclusive(films)
    observations = world.observations
    scores = world.says(kept.films).groups[GROUPS[0]]
    values, baselines = multiclass.all_terms(scores, kept.classes, observations)
    measured = Measured(multiclass.GROUP, values, baselines, kept.films.patients)
    resampling = replace(world.resampling, count=count)
    named = multiclass.accuracy_scores(observations)
    metrics = measure(measured, named, resampling)
    chosen = [score for score in named if score.name in SUBGROUP_SCORES]
    metrics += measure_subgroups(
        measured, chosen, film_subgroups(world.collections, kept.films.frame), resampling
    )
    left_out = {"films of no class": kept.none, "films of several classes": kept.several}
    return results_of(
        world,
        kept.films,
        metrics,
        multiclass.predictions_table(kept, np.asarray(scores), observations),
        items_table(measured, kept.films.frame["image_id"].to_numpy(dtype=str)),
        {"thresholds": {"chosen_on": "none", "why": "the class of the highest score"}, "left_out": left_out},
    )
