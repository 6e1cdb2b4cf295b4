"""The records of Plainfilm: study, image, report, label, box.

A source yields `Study` objects; all later stages (collection, batches, tasks) use the same terms. Absent
means `None`: there are no `has_*` flags that could contradict the data.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Literal

Better = Literal["higher", "lower"]
"""The direction of a score: which of two values is the better one."""


class View(StrEnum):
    """The projection of an image."""

    PA = "PA"
    AP = "AP"
    AP_SUPINE = "AP_SUPINE"
    LATERAL = "LATERAL"
    UNKNOWN = "unknown"

    @property
    def is_frontal(self) -> bool:
        """True for PA, AP and AP supine images."""
        return self in (View.PA, View.AP, View.AP_SUPINE)


class State(IntEnum):
    """The state of an observation in a report or a reader's opinion; absent (not mentioned) is `None`.

    The values are the codes of the CheXpert label table: 1, 0 and -1.
    """

    POSITIVE = 1
    NEGATIVE = 0
    UNCERTAIN = -1


SECTIONS = (
    *("findings", "impression", "findings_and_impression", "indication", "comparison", "technique"),
    *("addendum", "notification", "other"),
)
"""Section names. `findings_and_impression` is text under one header for both; `addendum` was added to the
report, notes and comments too; `notification` says who was told and what is recommended; `other` is text
under no header that is known."""

SPLITS = ("train", "validation", "test")


@dataclass(frozen=True)
class Section:
    """A part of a report: `text` is `report[start:end]`, character for character."""

    name: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Sentence:
    """A sentence of a section: `start` and `end` are offsets into the whole report text.

    `text` is `report[start:end]` with runs of white space replaced by one space.
    """

    text: str
    start: int
    end: int
    section: str
    position: int


@dataclass(frozen=True)
class Report:
    """A radiologist's report.

    `text` is the text as published. `sections` is given if the corpus states them; otherwise they are parsed
    from `text` by the header rules named in `header_rules` (see `text.sections`).
    """

    text: str
    sections: tuple[Section, ...] | None = None
    header_rules: str = "plain"


@dataclass(frozen=True)
class Label:
    """One statement about an observation: its state and its origin.

    `start` and `end` are the offsets of the evidence in the report text, if there is any, `rule` is the rule
    that decided the state, and `attributes` are further properties of the finding (names in
    `labelling.attributes`).
    """

    observation: str
    state: State
    origin: str
    start: int | None = None
    end: int | None = None
    rule: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Box:
    """A rectangle on one image, `(x0, y0, x1, y1)` in pixels of the raw image, x right and y down.

    `kind` is "observation", "region" or "phrase"; `name` is the observation, region or phrase id; `phrase` is
    the text it illustrates, if there is one. `labels` are those of a region.
    """

    name: str
    kind: str
    x0: float
    y0: float
    x1: float
    y1: float
    annotator: str | None = None
    phrase: str | None = None
    labels: tuple[Label, ...] = ()


@dataclass(frozen=True)
class Image:
    """One image in the raw layout; `image_id` is unique in its corpus.

    `path` may lead into an archive (`io.archives`). `width` and `height` (pixels) and `spacing_mm` (side of a
    pixel) are the values in the corpus' tables, if any: boxes are checked against them, and they are the only
    ones for an image without pixels. `shown` replaces a path that names a patient in all output.
    """

    image_id: str
    path: Path
    view: View = View.UNKNOWN
    labels: tuple[Label, ...] = ()
    boxes: tuple[Box, ...] = ()
    licence: str | None = None
    width: int | None = None
    height: int | None = None
    spacing_mm: float | None = None
    shown: str | None = None


@dataclass(frozen=True)
class Study:
    """One examination: its images, its report, and facts about the patient.

    `split` is one of `SPLITS` if the corpus states it and `None` otherwise. `order` sorts the studies of one
    patient in time (any increasing number). `age` is in years, `sex` is "F" or "M". `files` are the files
    that the source's `complete` reads for this study besides its images.
    """

    study_id: str
    patient_id: str
    images: tuple[Image, ...] = ()
    report: Report | None = None
    labels: tuple[Label, ...] = ()
    split: str | None = None
    order: float | None = None
    age: float | None = None
    sex: str | None = None
    files: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Rejection:
    """An unusable part of the raw layout, with a readable reason."""

    path: str
    reason: str
    study_id: str | None = field(default=None)
