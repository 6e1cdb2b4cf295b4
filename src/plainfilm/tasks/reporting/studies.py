"""The studies of a split with the text of their reports and their films."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from plainfilm.bank.items import MIN_LETTERS, sections_by_study
from plainfilm.batches.rows import letters
from plainfilm.collection import Collection
from plainfilm.io import paths
from plainfilm.text.rules import report_text
from plainfilm.types import View


@dataclass(frozen=True)
class Studies:
    """N studies that have a text and a film.

    frame: (N) place (of the collection), corpus, study_id, patient_id. texts: (N,). images, views: of each
    study the paths of its films and their projections. without_text, without_film: the number left out.
    beyond: films that were left out, as the model takes no more of a study.
    """

    frame: pd.DataFrame
    texts: list[str]
    images: list[list[str]]
    image_ids: list[list[str]]
    views: list[list[View]]
    without_text: int
    without_film: int
    beyond: int = 0

    def __len__(self) -> int:
        return len(self.frame)

    def first(self, count: int | None) -> Studies:
        """The first `count` studies (`None`: all)."""
        kept = slice(count)
        return replace(
            self,
            frame=self.frame.iloc[kept],
            texts=self.texts[kept],
            images=self.images[kept],
            image_ids=self.image_ids[kept],
            views=self.views[kept],
        )

    def limited(self, most: int | None) -> Studies:
        """At most `most` films of each study (`None`: all), frontal ones first."""
        if most is None:
            return self
        kept = [_first_frontal(own)[:most] for own in self.views]

        def of(values: Sequence[Sequence[Any]]) -> list[list[Any]]:
            pairs = zip(values, kept, strict=True)
            return [[own[place] for place in sorted(places)] for own, places in pairs]

        return replace(
            self,
            images=of(self.images),
            image_ids=of(self.image_ids),
            views=of(self.views),
            beyond=sum(map(len, self.views)) - sum(map(len, kept)),
        )

    @property
    def ids(self) -> list[str]:
        """(N,) study ids, after the place of the collection and a slash if there are several."""
        several = self.frame["place"].nunique() > 1
        pairs = zip(self.frame["place"], self.frame["study_id"], strict=True)
        return [f"{place}/{study}" if several else str(study) for place, study in pairs]

    @property
    def keys(self) -> list[str]:
        """(N,) ids as `scoring.measure.facts_of` takes them."""
        pairs = zip(self.frame["place"], self.frame["study_id"], strict=True)
        return [f"{place}/{study}" for place, study in pairs]

    @property
    def patients(self) -> list[str]:
        """(N,), distinct between corpora."""
        return (self.frame["corpus"] + "/" + self.frame["patient_id"].astype(str)).tolist()


def gather_studies(
    collections: Sequence[Collection], split: str, text_rule: str, views: Sequence[str] | None
) -> Studies:
    """The studies of a split: the text that `text_rule` takes, and the films of `views` (`None`: all)."""
    rows, texts, images, image_ids, projections = [], [], [], [], []
    without_text = without_film = 0
    for place, collection in enumerate(collections):
        collection.require_pixels()
        studies = collection.frame("studies")
        patients = dict(studies.loc[studies["split"] == split, ["study_id", "patient_id"]].to_numpy())
        sections = sections_by_study(collection, patients)
        films = _films(collection, views)
        for study, patient in patients.items():
            text = report_text(sections.get(study, []), text_rule)
            own = films.get(study)
            if letters(text) < MIN_LETTERS:
                without_text += 1
            elif own is None:
                without_film += 1
            else:
                rows.append((place, collection.corpus, study, patient))
                texts.append(text)
                images.append([str(paths.resolved(collection.image_path(path))) for path in own["path"]])
                image_ids.append(own["image_id"].tolist())
                projections.append([View(view) for view in own["view"]])
    frame = pd.DataFrame(rows, columns=["place", "corpus", "study_id", "patient_id"])
    return Studies(frame, texts, images, image_ids, projections, without_text, without_film)


def _first_frontal(views: Sequence[View]) -> list[int]:
    """The places of films, those of frontal ones first."""
    return sorted(range(len(views)), key=lambda place: not views[place].is_frontal)


def _films(collection: Collection, views: Sequence[str] | None) -> dict[str, pd.DataFrame]:
    films = collection.frame("images")[["image_id", "study_id", "path", "view"]]
    if views is not None:
        films = films[films["view"].isin(list(views))]
    return {str(study): own for study, own in films.groupby("study_id", sort=False)}
