"""A report made of sentences about findings and regions, each with its boxes (ChEX, arXiv:2404.15770).

Every finding and every region of `ReportPrompts` is asked, and a sentence is written about each. What is said
of a region counts only where what is found there is nearer to the words for findings than to their denials.
Of sentences that say the same one is left: of two whose vectors have a similarity (1 + cosine) / 2 of at
least `same`, or, while there are more than `most` sentences, of at least `nearly_same`, the one with the
smaller weight goes. The rest stays in the order of the prompts. The boxes of a sentence are those of its own
prompt that are there; a sentence that denies has none, as there is nothing to point at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from plainfilm.geometry import Boxes, box_iou_xyxy
from plainfilm.labelling import CHEXPERT_OBSERVATIONS, Labeller
from plainfilm.labelling.vocabularies import NO_FINDING
from plainfilm.predictor.box_tuner import BoxTuner
from plainfilm.predictor.core import Core, Vectors
from plainfilm.predictor.films import EncodedFilm
from plainfilm.predictor.locate import FoundText, described
from plainfilm.predictor.report import WrittenReport, WrittenSentence
from plainfilm.predictor.texts import stream_texts
from plainfilm.types import State

REGIONS = (
    *("Right upper lung zone", "Right mid lung zone", "Right lower lung zone", "Right hilar structures"),
    *("Right apical zone", "Left upper lung zone", "Left mid lung zone", "Left lower lung zone"),
    *("Left hilar structures", "Left apical zone", "Right clavicle", "Left clavicle", "Mediastinum"),
    *("Cardiac silhouette", "Abdomen"),
)
"""The regions that a report is made of, as published."""


@dataclass(frozen=True)
class ReportPrompts:
    """What a grounded report is made of. findings, regions: prompts. same, nearly_same, most: when sentences
    say the same. least_score: of a box that is there. overlap: two boxes of a prompt whose IoU is larger are
    one."""

    findings: tuple[str, ...] = tuple(
        name.capitalize() for name in CHEXPERT_OBSERVATIONS if name != NO_FINDING
    )
    regions: tuple[str, ...] = REGIONS
    same: float = 0.95
    nearly_same: float = 0.9
    most: int = 10
    least_score: float = 0.5
    overlap: float = 0.25


def write_grounded_report(
    core: Core, film: EncodedFilm, prompts: ReportPrompts | None = None, tuner: BoxTuner | None = None
) -> WrittenReport:
    """A report of one image, its sentences with their boxes; by default of the published prompts.

    tuner: what was tuned for locating; its threshold, where it has one, is that of boxes that are there.

    Raises:
        UsageError: the model writes no sentences with boxes.
    """
    prompts = prompts or ReportPrompts()
    texts = [*prompts.findings, *prompts.regions]
    blocks = list(described(core, film, texts))
    found = [one for block in blocks for one in block.found(core, film)]
    if tuner is not None and tuner.tuning is not None:
        found = tuner.tuned(film, found)
        least = tuner.tuning.threshold
        prompts = prompts if least is None else replace(prompts, least_score=least)
    vectors = np.concatenate([core.arrays(block.answers.vectors[0]) for block in blocks])
    is_kept = np.array([bool(one.sentence) for one in found])
    is_kept[len(prompts.findings) :] &= _shows_a_finding(core, vectors[len(prompts.findings) :], prompts)
    # All arrays stay as long as the prompts, so that a sentence keeps the boxes of its own prompt.
    is_kept = without_repeats(_similarities(core, found, is_kept), _weights(found), is_kept, prompts)
    kept = [one for one, keep in zip(found, is_kept.tolist(), strict=True) if keep]
    labeller = Labeller.load(details=False)
    sentences = tuple(_sentence(one, prompts, labeller) for one in kept)
    return WrittenReport(" ".join(one.text for one in sentences), sentences)


def without_repeats(
    similarities: NDArray[np.float64],
    weights: NDArray[np.float64],
    is_kept: NDArray[np.bool_],
    prompts: ReportPrompts,
) -> NDArray[np.bool_]:
    """(Q,) which of Q sentences stay, from their `similarities` (Q, Q), 0 to 1, and `weights` (Q,); of two
    equal weights the later goes."""
    kept = is_kept.copy()
    while kept.sum() > 1:
        among = np.where(kept[:, None] & kept, similarities, -1.0)
        np.fill_diagonal(among, -1.0)
        first, second = sorted(np.unravel_index(int(among.argmax()), among.shape))
        largest = among[first, second]
        is_same = largest >= prompts.same or (largest >= prompts.nearly_same and kept.sum() > prompts.most)
        if not is_same:
            break
        kept[first if weights[first] < weights[second] else second] = False
    return kept


def distinct_boxes(boxes: Boxes, scores: Vectors, prompts: ReportPrompts) -> NDArray[np.int64]:
    """The places of the boxes (K, 4) that are there, the best first, without those that nearly lie on a
    better one."""
    chosen: list[int] = []
    for place in np.argsort(-scores, kind="stable").tolist():
        if scores[place] < prompts.least_score:
            break
        if not chosen or (box_iou_xyxy(boxes[[place]], boxes[chosen]) <= prompts.overlap).all():
            chosen.append(place)
    return np.array(chosen, dtype=np.int64)


def _sentence(found: FoundText, prompts: ReportPrompts, labeller: Labeller) -> WrittenSentence:
    text = found.sentence or ""
    places = distinct_boxes(found.boxes, found.scores, prompts)
    if denies(labeller, text):
        places = places[:0]
    return WrittenSentence(text, found.boxes[places], found.scores[places], found.text)


def denies(labeller: Labeller, text: str) -> bool:
    """Whether a sentence denies findings and affirms none."""
    states = [label.state for label in labeller.label_sentence(text) if label.observation != NO_FINDING]
    return bool(states) and all(state is State.NEGATIVE for state in states)


def _shows_a_finding(core: Core, vectors: Vectors, prompts: ReportPrompts) -> NDArray[np.bool_]:
    """(Q,) whether what was found, unit vectors (Q, D), is nearer to the findings than to their denials."""
    denied = [f"No {name[:1].lower()}{name[1:]}" for name in prompts.findings]
    for_findings, for_denials = (
        np.concatenate(list(stream_texts(core, texts))).mean(axis=0) for texts in (prompts.findings, denied)
    )
    unit = for_findings / np.linalg.norm(for_findings), for_denials / np.linalg.norm(for_denials)
    return np.asarray(vectors @ unit[0] > vectors @ unit[1])


def _similarities(core: Core, found: Sequence[FoundText], is_kept: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(Q, Q): of all pairs of sentences that are kept; 0 for the others."""
    places = np.flatnonzero(is_kept).tolist()
    similar = np.zeros((len(found), len(found)))
    if places:
        vectors = np.concatenate(list(stream_texts(core, [found[place].sentence or "" for place in places])))
        similar[np.ix_(places, places)] = (1 + vectors @ vectors.T) / 2
    return similar


def _weights(found: Sequence[FoundText]) -> NDArray[np.float64]:
    """(Q,): sum s^2 / max(1, sum s) of the scores s of the boxes of each prompt."""
    return np.array([float((one.scores**2).sum() / max(1.0, one.scores.sum())) for one in found])
