"""The work of a person in the workbench, as it is saved: docs/workbench.md describes the format.

The page writes it, the server exports from it, and the source `workbench` reads it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from plainfilm.io import limits
from plainfilm.io.json_records import Record
from plainfilm.types import View

FORMAT: Literal["plainfilm-work"] = "plainfilm-work"
VERSION: Literal[1] = 1

KEPT_ENDING = ".work.json"
"""The ending of the files of a server (`plainfilm serve --work`): two lines of JSON, what a list shows, and
the whole with its history, in which the document stands under `work`."""

Verdict = Literal["proposed", "accepted", "edited", "rejected"]
"""What a person made of a sentence or box; what is proposed was not judged."""


Coordinate = Annotated[float, Field(ge=-limits.MOST_PIXELS, le=limits.MOST_PIXELS)]
Side = Annotated[int, Field(ge=1, le=limits.MOST_PIXELS)]


class SavedCorners(Record):
    """A box x0 y0 x1 y1 in pixels of the film as opened; score: of the model, 0 to 1."""

    x0: Coordinate
    y0: Coordinate
    x1: Coordinate
    y1: Coordinate
    score: float | None = Field(default=None, ge=0, le=1)


class SavedBox(SavedCorners):
    """A box and the verdict on it alone."""

    box_id: str
    state: Verdict


class SavedOriginal(Record):
    """A sentence as it was proposed."""

    text: str | None = None
    boxes: tuple[SavedCorners, ...] = ()


class SavedSentence(Record):
    """A sentence with its boxes.

    kind: "phrase" was asked for, "box" was drawn, "report" is of a report, "own" was taken over. phrase: what
    was asked. origin: who proposed it, the model, a person or a bank; source: its study in the bank.
    """

    id: str
    kind: Literal["phrase", "box", "report", "own"]
    phrase: str | None = None
    text: str | None = Field(default=None, max_length=limits.LONGEST_TEXT)
    state: Verdict
    origin: Literal["model", "person", "bank"] = "model"
    source: str | None = None
    boxes: tuple[SavedBox, ...] = ()
    original: SavedOriginal = SavedOriginal()

    @property
    def is_confirmed(self) -> bool:
        """Whether a person stands for it: it was accepted or edited, or it was drawn and not rejected."""
        return self.state in ("accepted", "edited") or (self.origin == "person" and self.state != "rejected")

    def kept_boxes(self, *, confirmed: bool) -> list[SavedBox]:
        """The boxes that were not rejected; with `confirmed`, only those that a person stands for."""
        if self.state == "rejected":
            return []
        left = [box for box in self.boxes if box.state != "rejected"]
        if not confirmed or self.is_confirmed:
            return left
        return [box for box in left if box.state in ("accepted", "edited")]


class SavedFilm(Record):
    """A film, known by the SHA-256 of its file, and all that was said of it.

    labels: the states of observations that a person gave. patient, study: as a person named them, or "".
    """

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    name: str = Field(min_length=1)
    width: Side
    height: Side
    spacing_mm: float | None = None
    view: View = View.UNKNOWN
    patient: str = ""
    study: str = ""
    labels: dict[str, Literal["positive", "negative", "uncertain"]] = Field(default_factory=dict)
    sentences: tuple[SavedSentence, ...] = ()

    @property
    def is_changed(self) -> bool:
        """Whether a person drew, wrote or changed anything that was not rejected."""
        return any(
            one.origin == "person" or "edited" in (one.state, *(box.state for box in one.boxes))
            for one in self.sentences
            if one.state != "rejected"
        )

    @property
    def text(self) -> str:
        """The sentences that a person stands for, in their order, as a report."""
        return " ".join(one.text.strip() for one in self.sentences if one.is_confirmed and one.text)


class SavedWork(Record):
    """A document of saved work. reader: the name that the person who works gave, or ""."""

    format: Literal["plainfilm-work"]
    version: Literal[1]
    saved: str = ""
    reader: str = Field(default="", max_length=64)
    films: list[SavedFilm]

    @field_validator("films")
    @classmethod
    def _are_different(cls, films: list[SavedFilm]) -> list[SavedFilm]:
        hashes = [film.sha256 for film in films]
        if len(set(hashes)) < len(hashes):
            raise ValueError("the same film is listed twice")
        return films
