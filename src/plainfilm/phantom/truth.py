"""The ground truth of phantoms: patients, studies, films, findings, boxes, and the statements of reports.

Layouts write corpora from these records and tests compare with them. They are plain data; `truth_tables`
writes them to disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

OBSERVATIONS = {
    "cardiomegaly": "Cardiomegaly",
    "wide_mediastinum": "Enlarged Cardiomediastinum",
    "nodule": "Lung Lesion",
    "mass": "Lung Lesion",
    "opacity": "Lung Opacity",
    "edema": "Edema",
    "consolidation": "Consolidation",
    "plate_atelectasis": "Atelectasis",
    "lobar_atelectasis": "Atelectasis",
    "pneumothorax": "Pneumothorax",
    "effusion": "Pleural Effusion",
    "pleural_thickening": "Pleural Other",
    "pleural_plaques": "Pleural Other",
    "rib_fracture": "Fracture",
    "clavicle_fracture": "Fracture",
    "vertebral_fracture": "Fracture",
    "tracheal_tube": "Support Devices",
    "central_line": "Support Devices",
    "pacemaker": "Support Devices",
    "chest_tube": "Support Devices",
    "feeding_tube": "Support Devices",
    "sternal_wires": "Support Devices",
    "emphysema": "Emphysema",
    "fibrosis": "Fibrosis",
    "hernia": "Hernia",
    "subcutaneous_emphysema": "Subcutaneous Emphysema",
    "pneumomediastinum": "Pneumomediastinum",
    "foreign_body": "Foreign Body",
    "tuberculosis": "Tuberculosis",
}
"""The observation of each kind of finding: one of CheXpert's, or another one."""

CHEXPERT = (
    "Atelectasis",
    "Cardiomegaly",
    "Consolidation",
    "Edema",
    "Enlarged Cardiomediastinum",
    "Fracture",
    "Lung Lesion",
    "Lung Opacity",
    "No Finding",
    "Pleural Effusion",
    "Pleural Other",
    "Pneumonia",
    "Pneumothorax",
    "Support Devices",
)
"""The 14 observations of CheXpert, the columns of its label table."""

_MALPOSITIONS = {
    "tracheal_tube": {"high", "low", "bronchial"},
    "feeding_tube": {"high", "coiled", "bronchial"},
    "chest_tube": {"outside", "pigtail_outside"},
    "central_line": {"malpositioned"},
}
"""The malpositioned variants of each tube and line."""


@dataclass(frozen=True)
class Finding:
    """One finding of a patient on the day of a study.

    `severity` runs from 0 to 1; `site` is a place such as "lower"; `variant` a form of the kind; `cause` is
    "pneumonia" if that caused an opacity; `seed` determines shape and place, so that the finding stays the
    same from study to study. `change` is relative to the previous study: "new", "worse", "better", "stable",
    or `None` without one. `stated` is the state in the report: 1 present, −1 uncertain, `None` if the report
    does not mention it.
    """

    key: str
    kind: str
    side: str | None
    site: str | None
    severity: float
    seed: int
    variant: str | None = None
    cause: str | None = None
    change: str | None = None
    stated: int | None = 1

    @property
    def observation(self) -> str:
        """The observation of the finding; see `OBSERVATIONS`."""
        return OBSERVATIONS[self.kind]


def placement(finding: Finding) -> Literal["in place", "malposition"] | None:
    """Whether a tube or line is well placed; `None` for other findings."""
    if finding.kind not in _MALPOSITIONS:
        return None
    return "malposition" if finding.variant in _MALPOSITIONS[finding.kind] else "in place"


@dataclass(frozen=True)
class FilmBox:
    """A box on a film, `(x0, y0, x1, y1)` in its pixels: of a finding (by key) or a region (by name)."""

    name: str
    kind: str
    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True)
class Film:
    """One film of a study; `view` is a `types.View`; boxes follow from the geometry."""

    film_id: str
    view: str
    width: int
    height: int
    spacing_mm: float
    boxes: tuple[FilmBox, ...]


@dataclass(frozen=True)
class StatedSentence:
    """A sentence of the report and its statements: (observation, state) pairs, state 1, 0 or −1.

    `start` and `end` are offsets into the report's text.
    """

    text: str
    section: str
    start: int
    end: int
    states: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class StudyTruth:
    """One examination. `states` are those of the whole report: 1, 0, −1; absent is not mentioned.

    `report` is `None` if the corpus has lost it; its states are then empty.
    """

    study_id: str
    order: int
    days: int
    age: float
    findings: tuple[Finding, ...]
    films: tuple[Film, ...]
    report: str | None
    sentences: tuple[StatedSentence, ...] = ()
    states: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class PatientTruth:
    """One patient and all their studies, in time."""

    patient_id: str
    sex: str
    split: str
    studies: tuple[StudyTruth, ...]
