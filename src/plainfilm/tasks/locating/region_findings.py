"""Which findings the regions of anatomy show (Chest ImaGenome): scores of pairs of region and finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from plainfilm.collection import Collection
from plainfilm.collection.region_labels import region_findings
from plainfilm.metrics.classification import truth_codes
from plainfilm.metrics.coded import Pairs
from plainfilm.metrics.scores import (
    AREA_UNDER_ROC,
    BY_SUPPORT,
    Score,
    Statistics,
    ranking_statistics,
    ratio_statistics,
)
from plainfilm.tasks.locating.described import DescribedBoxes
from plainfilm.tasks.locating.films import BoxedFilms
from plainfilm.tasks.scoring.measure import DescribedScore
from plainfilm.types import State

REGIONS, FILMS = "regions", "films"
"""The names of the groups."""
PREVALENCE, WHOLE_FILM = "prevalence", "whole_film"
BASELINES = {
    PREVALENCE: "without the film: how often the region has the finding in the training split",
    WHOLE_FILM: "the same model, asked about the whole film instead of the region",
}

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class RegionTruth:
    """Of N films, A regions and F findings: positive (N, A, F); there (N, A) whether a film has a box of the
    region. What is not stated of a region that has a box is not there, as published."""

    regions: tuple[str, ...]
    findings: tuple[str, ...]
    positive: Mask
    there: Mask

    @property
    def codes(self) -> NDArray[np.int8]:
        """(N, A, F) codes of `classification`."""
        known = np.broadcast_to(self.there[:, :, None], self.positive.shape)
        return truth_codes(self.positive, known)

    @property
    def of_films(self) -> Mask:
        """(N, F): whether any region has the finding."""
        return np.asarray(self.positive.any(axis=1), dtype=np.bool_)


def region_truth(
    collections: Sequence[Collection],
    films: BoxedFilms,
    boxes: DescribedBoxes,
    names: tuple[Sequence[str], Sequence[str]] | None = None,
) -> RegionTruth:
    """The truth of regions with boxes; `names` are regions and findings, by default all that occur."""
    stated = [region_findings(collection) for collection in collections]
    places, images = films.frame["place"].to_numpy(), films.frame["image_id"].tolist()
    rows = list(zip(boxes.film.tolist(), boxes.names, strict=True))
    if names is None:
        said = (stated[places[film]].get((images[film], region), {}) for film, region in rows)
        found = sorted({name for own in said for name in own})
        names = sorted(set(boxes.names)), found
    regions, findings = (tuple(own) for own in names)
    region_at, finding_at = ({name: at for at, name in enumerate(own)} for own in (regions, findings))
    positive = np.zeros((len(films), len(regions), len(findings)), dtype=bool)
    there = np.zeros((len(films), len(regions)), dtype=bool)
    for film, region in rows:
        if region not in region_at:
            continue
        there[film, region_at[region]] = True
        for name, state in stated[places[film]].get((images[film], region), {}).items():
            if name in finding_at and state == State.POSITIVE:
                positive[film, region_at[region], finding_at[name]] = True
    return RegionTruth(regions, findings, positive, there)


def prevalence(truth: RegionTruth) -> Floats:
    """(A, F): how often each region that has a box has each finding."""
    boxes = truth.there.sum(axis=0)[:, None]
    share: Floats = truth.positive.sum(axis=0) / np.maximum(boxes, 1)
    return share


def region_statistics(truth: RegionTruth, scores: Floats, called: Mask) -> dict[str, Statistics]:
    """Statistics of N films, by group, of scores (N, A, F) and what is called positive (N, A, F)."""
    codes, of_films = truth.codes, truth.of_films
    best = np.where(truth.there[:, :, None], scores, -np.inf).max(axis=1)
    any_called = np.asarray((called & truth.there[:, :, None]).any(axis=1), dtype=np.bool_)
    regions: dict[str, Pairs] = {}
    films: dict[str, Pairs] = {}
    known = np.broadcast_to(truth.there[:, :, None], called.shape)
    for at, finding in enumerate(truth.findings):
        for place, region in enumerate(truth.regions):
            own = codes[:, place, at]
            if (own == 1).any() and (own == 2).any():
                pair = ranking_statistics(scores[:, place, at], own)
                regions[f"{AREA_UNDER_ROC}/{finding}@{region}"] = pair
        regions[f"f1/{finding}"] = _f1(truth.positive[:, :, at], called[:, :, at] & known[:, :, at])
        films[f"f1/{finding}"] = _f1(of_films[:, at, None], any_called[:, at, None])
        if of_films[:, at].any() and not of_films[:, at].all():
            films[f"{AREA_UNDER_ROC}/{finding}"] = ranking_statistics(
                best[:, at], truth_codes(of_films[:, at])
            )
    films["ranking_precision"] = _ranking_precision(of_films, best)
    return {REGIONS: regions, FILMS: films}


def _f1(true: Mask, called: Mask) -> Pairs:
    """(N, 2) from truths and calls (N, ...): 2 tp over 2 tp + fp + fn."""
    hits, wrong = (true & called).sum(axis=1), (true ^ called).sum(axis=1)
    return ratio_statistics(2 * hits, 2 * hits + wrong)


def _ranking_precision(true: Mask, scores: Floats) -> Pairs:
    """(N, 2) of label ranking average precision, of films with a finding: for each of its findings the share
    of findings ranked as high or higher that it has (Tsoumakas et al. 2010)."""
    values = []
    for own, score in zip(true, scores, strict=True):
        at_least = score[None, :] >= score[own][:, None]
        values.append(
            float((at_least[:, own].sum(axis=1) / at_least.sum(axis=1)).mean()) if own.any() else 0.0
        )
    return ratio_statistics(values, true.any(axis=1))


def region_scores(values: Statistics) -> list[DescribedScore]:
    """Scores of the regions."""
    pairs = tuple(name for name in values if name.startswith(AREA_UNDER_ROC))
    called = tuple(name for name in values if name.startswith("f1/") and values[name][:, 1].any())
    by_finding: dict[str, list[str]] = {}
    for name in pairs:
        by_finding.setdefault(name.partition("/")[2].partition("@")[0], []).append(name)
    count = f"{len(pairs)} pairs of region and finding"
    return [
        DescribedScore(
            "weighted_auroc", BY_SUPPORT, pairs, f"AUROC, {count} weighted by positives", "higher", True
        ),
        DescribedScore("macro_auroc", AREA_UNDER_ROC, pairs, f"AUROC, mean of {count}", "higher", True),
        DescribedScore("macro_f1", "mean", called, f"F1, mean of {len(called)} findings", "higher", True),
        *(
            DescribedScore(f"weighted_auroc/{name}", BY_SUPPORT, tuple(own), f"AUROC, {name}", "higher")
            for name, own in by_finding.items()
        ),
        *(DescribedScore(one, "ratio", (one,), f"F1, {one.partition('/')[2]}", "higher") for one in called),
    ]


def film_scores(values: Statistics) -> list[DescribedScore]:
    """Scores of whole films, by the highest score of a region."""
    ranked = tuple(name for name in values if name.startswith(AREA_UNDER_ROC))
    called = tuple(name for name in values if name.startswith("f1/") and values[name][:, 1].any())
    title = "label ranking average precision"
    return [
        DescribedScore(
            "macro_auroc", AREA_UNDER_ROC, ranked, f"AUROC, mean of {len(ranked)} findings", "higher", True
        ),
        DescribedScore("macro_f1", "mean", called, f"F1, mean of {len(called)} findings", "higher"),
        DescribedScore("ranking_precision", "ratio", ("ranking_precision",), title, "higher"),
        *(
            DescribedScore(one, AREA_UNDER_ROC, (one,), f"AUROC, {one.partition('/')[2]}", "higher")
            for one in ranked
        ),
    ]


def positives(score: Score, values: Statistics) -> int:
    """The n of a score of regions or films: the positives of its rankings, or the films."""
    if score.aggregation in (AREA_UNDER_ROC, BY_SUPPORT):
        return int(sum((values[part][:, 1] == 2).sum() for part in score.parts))
    return int(np.any([values[part][:, 1] > 0 for part in score.parts], axis=0).sum())
