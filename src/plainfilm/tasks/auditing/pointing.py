"""Whether the place that a model points to for an observation lies in one of its boxes, and whether that
depends on the film (the pointing game, Zhang et al. 2016, arXiv:1608.00507).

A model that locates phrases points to the centre of its best box; one that compares patches with texts to the
most similar patch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from plainfilm.geometry import Boxes, box_area_xyxy
from plainfilm.metrics.scores import Statistics, count, ratio_statistics
from plainfilm.prompts import PromptPack
from plainfilm.tasks.auditing.audited_films import BLANK, MIRRORED, SAME_LABELS, AuditedFilms
from plainfilm.tasks.auditing.film_changes import mirrored
from plainfilm.tasks.base import Metric
from plainfilm.tasks.scoring.measure import DescribedScore, Measured, Resampling

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor

GROUP = "pointing"
Place = tuple[float, float]
"""x and y as fractions of the film, or of the model's input for a blank one."""
Point = Callable[[Any, str], Place | None]


def pointer(predictor: Predictor) -> Point | None:
    """How the model points, if it does."""
    if "locates" in predictor.abilities:
        return lambda film, text: _best_box(predictor, film, text)
    if "locates_by_patches" in predictor.abilities:
        return lambda film, text: _best_patch(predictor, film, text)
    return None


def _best_box(predictor: Predictor, film: Any, text: str) -> Place | None:
    # Where it points is no question of what scores enough to be shown: of all boxes, not the tuned ones.
    ((size, (found,)),) = predictor.stream_located([film], [[text]])
    if not len(found.boxes):
        return None
    x0, y0, x1, y1 = found.boxes[0]
    return float(x0 + x1) / 2 / size[0], float(y0 + y1) / 2 / size[1]


def _best_patch(predictor: Predictor, film: Any, text: str) -> Place:
    encoded = predictor.encode_film(film)
    x, y = predictor.similarity_map(encoded, text).peak()
    return x / encoded.size[0], y / encoded.size[1]


def phrases(pack: PromptPack, names: tuple[str, ...]) -> dict[str, str]:
    """What is pointed at by observation: the first prompt for it, else its name."""
    own = {name: pack.zero_shot(name).positive for name in names if pack.knows(name)}
    return {name: own[name][0] if own.get(name) else name for name in names}


def audit(
    audited: AuditedFilms,
    point: Point,
    texts: Mapping[str, str],
    prior: Mapping[str, Place],
    resampling: Resampling,
) -> list[Metric]:
    """The share of findings with boxes that are pointed at; one item per film and observation.

    prior: by observation the place where its boxes usually are.
    """
    asked = audited.occlusions
    if not asked:
        return []
    names = audited.films.observations
    donors = audited.donors[SAME_LABELS]
    blank = {
        name: point(audited.predictor.blank_film(), texts[name]) for name in {names[o.column] for o in asked}
    }
    hits: dict[str, list[float]] = {
        key: [] for key in (GROUP, BLANK, SAME_LABELS, MIRRORED, "prior_only", "random")
    }
    for one in asked:
        name, film = names[one.column], audited.array(one.row)
        size = film.shape[::-1]
        flipped = point(mirrored(film), texts[name])
        answers = {
            GROUP: point(film, texts[name]),
            BLANK: blank[name],
            SAME_LABELS: point(audited.array(int(donors[one.row])), texts[name]),
            MIRRORED: None if flipped is None else (1 - flipped[0], flipped[1]),
            "prior_only": prior.get(name),
        }
        for key, place in answers.items():
            hits[key].append(float(_hits(place, one.inside, size)))
        hits["random"].append(_share_of_area(one.inside, size))
    statistics: dict[str, Statistics] = {key: {"hit": ratio_statistics(own)} for key, own in hits.items()}
    patients = audited.films.patients[[one.row for one in asked]]
    values = statistics.pop(GROUP)
    score = DescribedScore("hits", "ratio", ("hit",), "findings pointed at", "higher")
    counted = Resampling(count, resampling.resamples, resampling.seed)
    measured = Measured(GROUP, values, statistics, patients)
    return audited.measure(measured, score, counted, [one.row for one in asked])


def _hits(place: Place | None, boxes: Boxes, size: tuple[int, int]) -> bool:
    if place is None:
        return False
    x, y = place[0] * size[0], place[1] * size[1]
    inside = (boxes[:, 0] <= x) & (x <= boxes[:, 2]) & (boxes[:, 1] <= y) & (y <= boxes[:, 3])
    return bool(inside.any())


def _share_of_area(boxes: Boxes, size: tuple[int, int]) -> float:
    """The chance that a place drawn anywhere lies in one of the boxes, where they do not overlap."""
    return min(1.0, float(box_area_xyxy(boxes).sum()) / (size[0] * size[1]))
