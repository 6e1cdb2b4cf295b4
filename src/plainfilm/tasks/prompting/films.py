"""The films that are asked about, what is true of them, and which prompts ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.batches.labels import Absent, Uncertain, truth
from plainfilm.collection import Collection
from plainfilm.collection.labels import Labels
from plainfilm.errors import DataError, nearest
from plainfilm.metrics.findings import BLANK
from plainfilm.progress import Progress
from plainfilm.prompts import PromptPack, Prompts

if TYPE_CHECKING:
    from plainfilm.predictor import Predictor, PromptVectors, ZeroShot

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Asked:
    """Which observations are asked about and how: `prompts` by observation.

    without_prompts, without_labels: observations that the labels or the pack have and the other has not.
    """

    prompts: dict[str, Prompts]
    without_prompts: tuple[str, ...]
    without_labels: tuple[str, ...]

    @property
    def observations(self) -> tuple[str, ...]:
        """In the order of the labels."""
        return tuple(self.prompts)


@dataclass(frozen=True)
class Films:
    """N films and C observations.

    frame: (N) place (of the collection), image_id, study_id, patient_id, image (a path). positive, known:
    (N, C). unlabelled: how many films of the split were left out because nothing is said of them.
    """

    frame: pd.DataFrame
    positive: Mask
    known: Mask
    unlabelled: int

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def patients(self) -> NDArray[np.str_]:
        """(N,), told apart between corpora."""
        return (self.frame["corpus"] + "/" + self.frame["patient_id"]).to_numpy(dtype=str)

    def part(self, mask: Mask) -> Films:
        """The films of `mask` (N,) alone."""
        return Films(self.frame[mask].reset_index(drop=True), self.positive[mask], self.known[mask], 0)


def choose_prompts(pack: PromptPack, labels: Labels, wanted: Sequence[str] | None) -> Asked:
    """The prompts of the observations that both labels and pack have, or of those `wanted`.

    Raises:
        DataError: one that is wanted is in neither, or nothing is in both.
    """
    for name in wanted or ():
        if name not in labels.stated:
            raise DataError(f"no labels of '{name}' from {labels.origin}: {nearest(name, labels.stated)}")
        if not pack.knows(name):
            raise DataError(
                f"prompt pack '{pack.name}' has no observation '{name}': {nearest(name, pack.observations)}"
            )
    stated = [name for name in labels.observations if name in labels.stated]
    chosen = [name for name in (wanted or stated) if pack.knows(name) and pack.zero_shot(name).positive]
    if not chosen:
        raise DataError(
            f"labels of {labels.origin} ({', '.join(stated)}) and prompt pack '{pack.name}' "
            f"({', '.join(pack.observations)}) share no observation; choose another pack with prompts="
        )
    own = {pack.observation(name) for name in stated if pack.knows(name)}
    return Asked(
        prompts={name: pack.zero_shot(name) for name in chosen},
        without_prompts=() if wanted else tuple(name for name in stated if name not in chosen),
        without_labels=() if wanted else tuple(name for name in pack.observations if name not in own),
    )


def gather_films(
    collections: Sequence[Collection],
    split: str,
    views: Sequence[str] | None,
    labels: Labels,
    observations: Sequence[str],
    uncertain: Uncertain,
    absent: Absent,
) -> Films:
    """The films of a split that something is said of, with their truths under the two policies.

    What holds for a film is read by the rule of `collection.labels`. Uncertain: left out, or counted as
    positive or negative. Absent (not mentioned): negative, or left out.
    """
    frames, states = [], []
    columns = [labels.observations.index(name) for name in observations]
    for place, collection in enumerate(collections):
        collection.require_pixels()
        frame = _films_of(collection, place, split, views)
        frames.append(frame)
        states.append(labels.images(place, split, frame["image_id"].tolist()))
    every: NDArray[Any] = np.concatenate(states)
    labelled = (every > BLANK).any(axis=1)
    kept = every[labelled][:, columns]
    frame = pd.concat(frames, ignore_index=True).iloc[np.flatnonzero(labelled)].reset_index(drop=True)
    positive, known = truth(kept, uncertain, absent)
    return Films(frame, positive, known, int((~labelled).sum()))


def _films_of(collection: Collection, place: int, split: str, views: Sequence[str] | None) -> pd.DataFrame:
    images = collection.frame("images")[["image_id", "study_id", "path", "view"]]
    studies = collection.frame("studies")[["study_id", "patient_id", "split"]]
    frame = images.merge(studies[studies["split"] == split], on="study_id", how="inner")
    if views is not None:
        frame = frame[frame["view"].isin(list(views))]
    paths = [str(collection.image_path(path).resolve()) for path in frame["path"]]
    return frame.drop(columns=["path", "split", "view"]).assign(
        image=pd.Series(paths, index=frame.index, dtype=object), place=place, corpus=collection.corpus
    )


def score_films(predictor: Predictor, films: Films, prompts: PromptVectors, progress: Progress) -> ZeroShot:
    """The scores of all films, encoded a batch at a time; only the scores are kept."""
    paths = films.frame["image"].tolist()
    parts = [predictor.compare(block, prompts) for block in predictor.stream_images(paths, progress)]
    names = ("positive", "negative", "probability")
    first = parts[0]
    return type(first)(
        first.observations, *(np.concatenate([getattr(part, name) for part in parts]) for name in names)
    )
