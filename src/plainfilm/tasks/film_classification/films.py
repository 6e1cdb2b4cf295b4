"""The labelled images or studies of a split, with their truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from plainfilm.batches.labels import Absent, Uncertain, truth
from plainfilm.collection import Collection
from plainfilm.collection.labels import Labels
from plainfilm.collection.verification import require_images
from plainfilm.io.paths import resolved
from plainfilm.metrics.findings import NOT_MENTIONED
from plainfilm.tasks.film_classification.thresholds import Mask, Truth
from plainfilm.types import View


@dataclass(frozen=True)
class Films:
    """N images, or studies by their first image, and C observations.

    frame: (N) place (of the collection), corpus, image_id, study_id, patient_id, image (a path), and of a
    study `images` (paths) and `views`. positive, known: (N, C). unlabelled: number of images or studies of
    the split that were left out, as they have no labels.
    """

    frame: pd.DataFrame
    observations: tuple[str, ...]
    positive: Mask
    known: Mask
    unlabelled: int

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def are_studies(self) -> bool:
        """Whether each row is a study with all its images."""
        return "images" in self.frame

    @property
    def studies(self) -> tuple[list[list[str]], list[list[View]]]:
        """The paths of the images of each study, and their views."""
        views = [[View(view) for view in own] for own in self.frame["views"]]
        return self.frame["images"].tolist(), views

    @property
    def truth(self) -> Truth:
        """The truth of the images."""
        return Truth(self.observations, self.positive, self.known)

    @property
    def ids(self) -> NDArray[np.str_]:
        """(N,) image ids."""
        return self.frame["image_id"].to_numpy(dtype=str)

    @property
    def patients(self) -> NDArray[np.str_]:
        """(N,), distinct between corpora."""
        return self._patients.to_numpy(dtype=str)

    @cached_property
    def patient_groups(self) -> pd.Categorical[str]:
        """`patients` (N,) as numbers of sorted names, which take less memory."""
        return pd.Categorical(self._patients)

    @property
    def _patients(self) -> pd.Series:
        return self.frame["corpus"] + "/" + self.frame["patient_id"]

    def part(self, mask: Mask) -> Films:
        """The images of `mask` (N,) only."""
        frame = self.frame[mask].reset_index(drop=True)
        return Films(frame, self.observations, self.positive[mask], self.known[mask], 0)

    def by_observation(self) -> pd.DataFrame:
        """One row per image and observation: ids, and the truth as `positive` (missing if unknown)."""
        columns = len(self.observations)
        ids = {"image_id": "query_id", "study_id": "study_id", "patient_id": "patient_id"}
        rows = np.arange(len(self)).repeat(columns)
        table: dict[str, Any] = {
            new: self.frame[old].astype(str).take(rows).array for old, new in ids.items()
        }
        table["observation"] = np.tile(np.array(self.observations, dtype=object), len(self))
        positive = pd.array(self.positive.ravel(), dtype="boolean")
        positive[~self.known.ravel()] = pd.NA
        return pd.DataFrame({**table, "positive": positive}, copy=False)


def gather_films(
    collections: Sequence[Collection],
    split: str,
    views: Sequence[str] | None,
    labels: Labels,
    observations: Sequence[str],
    uncertain: Uncertain,
    absent: Absent,
    item: Literal["image", "study"] = "image",
) -> Films:
    """The labelled images or studies of a split, with their truth under the two policies.

    The rule of `collection.labels` chooses the labels of an image or a study. Uncertain: left out, or counted
    as positive or negative. Absent (not mentioned): negative, or left out.
    """
    frames, states = [], []
    columns = [labels.observations.index(name) for name in observations]
    for place, collection in enumerate(collections):
        collection.require_pixels()
        frame = films_of_split(collection, place, split, views)
        ids = frame["image_id"].tolist()
        if item == "study":
            study, _ = pd.factorize(frame["study_id"])
            frame = _by_study(frame)
            states.append(labels.studies_of(place, split, ids, study.astype(np.int64), len(frame)))
        else:
            states.append(labels.images(place, split, ids))
        frames.append(frame.drop(columns="view"))
    every: NDArray[Any] = np.concatenate(states)
    labelled = (every > NOT_MENTIONED).any(axis=1)
    kept = every[labelled][:, columns]
    frame = pd.concat(frames, ignore_index=True).iloc[np.flatnonzero(labelled)].reset_index(drop=True)
    positive, known = truth(kept, uncertain, absent)
    return Films(frame, tuple(observations), positive, known, int((~labelled).sum()))


def films_of_split(
    collection: Collection, place: int, split: str, views: Sequence[str] | None
) -> pd.DataFrame:
    """One row per image of a split: place, corpus, image_id, study_id, patient_id, view, image (a path)."""
    images = collection.frame("images", ["image_id", "study_id", "path", "view"])
    studies = collection.frame("studies", ["study_id", "patient_id", "split"])
    frame = images.merge(studies[studies["split"] == split], on="study_id", how="inner")
    if views is not None:
        frame = frame[frame["view"].isin(list(views))]
    require_images(collection, frame["path"])
    paths = [str(resolved(collection.image_path(path))) for path in frame["path"]]
    return frame.drop(columns=["path", "split"]).assign(
        image=pd.Series(paths, index=frame.index, dtype=object), place=place, corpus=collection.corpus
    )


def _by_study(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per study, in the order of its first image, with the paths and views of all its images."""
    grouped = frame.groupby("study_id", sort=False)
    first = grouped.first().reset_index()
    for one, several in (("image", "images"), ("view", "views")):
        first[several] = grouped[one].agg(list).tolist()
    return first
