"""Shared by PadChest and PadChest-GR: ids, films, labels, and what a Spanish report says of a finding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from plainfilm.phantom.publishing import write_png
from plainfilm.phantom.truth import Film, Finding, PatientTruth, StudyTruth
from plainfilm.types import Label, State

LICENCE = "PadChest: research use agreement of BIMCV"
_SPANISH = {
    "cardiomegaly": "Cardiomegalia",
    "mediastinal enlargement": "Ensanchamiento mediastínico",
    "nodule": "Nódulo pulmonar",
    "pulmonary mass": "Masa pulmonar",
    "infiltrates": "Infiltrado pulmonar",
    "pulmonary edema": "Edema pulmonar",
    "consolidation": "Consolidación pulmonar",
    "pneumonia": "Neumonía",
    "laminar atelectasis": "Atelectasia laminar",
    "lobar atelectasis": "Atelectasia lobar",
    "pneumothorax": "Neumotórax",
    "pleural effusion": "Derrame pleural",
    "pleural thickening": "Engrosamiento pleural",
    "calcified pleural plaques": "Placas pleurales calcificadas",
    "rib fracture": "Fractura costal",
    "clavicle fracture": "Fractura de clavícula",
    "endotracheal tube": "Tubo endotraqueal",
    "central venous catheter via jugular vein": "Catéter venoso central yugular",
    "pacemaker": "Marcapasos",
    "chest drain tube": "Tubo de drenaje torácico",
    "NSG tube": "Sonda nasogástrica",
    "sternotomy": "Esternotomía",
    "emphysema": "Enfisema pulmonar",
    "pulmonary fibrosis": "Fibrosis pulmonar",
    "hiatal hernia": "Hernia de hiato",
    "subcutaneous emphysema": "Enfisema subcutáneo",
    "pneumomediastinum": "Neumomediastino",
    "external foreign body": "Cuerpo extraño",
    "tuberculosis": "Tuberculosis pulmonar",
}
"""The labels of PadChest that phantoms have, in Spanish."""
_LABELS = {
    "cardiomegaly": "cardiomegaly",
    "wide_mediastinum": "mediastinal enlargement",
    "nodule": "nodule",
    "mass": "pulmonary mass",
    "opacity": "infiltrates",
    "edema": "pulmonary edema",
    "consolidation": "consolidation",
    "plate_atelectasis": "laminar atelectasis",
    "lobar_atelectasis": "lobar atelectasis",
    "pneumothorax": "pneumothorax",
    "effusion": "pleural effusion",
    "pleural_thickening": "pleural thickening",
    "pleural_plaques": "calcified pleural plaques",
    "rib_fracture": "rib fracture",
    "clavicle_fracture": "clavicle fracture",
    "vertebral_fracture": "vertebral fracture",
    "tracheal_tube": "endotracheal tube",
    "central_line": "central venous catheter via jugular vein",
    "pacemaker": "pacemaker",
    "chest_tube": "chest drain tube",
    "feeding_tube": "NSG tube",
    "sternal_wires": "sternotomy",
    "emphysema": "emphysema",
    "fibrosis": "pulmonary fibrosis",
    "hernia": "hiatal hernia",
    "subcutaneous_emphysema": "subcutaneous emphysema",
    "pneumomediastinum": "pneumomediastinum",
    "foreign_body": "external foreign body",
    "tuberculosis": "tuberculosis",
}
"""The label of each kind of finding."""
_OBSERVATIONS = {
    "cardiomegaly": ("Cardiomegaly",),
    "mediastinal enlargement": ("mediastinal enlargement", "Enlarged Cardiomediastinum"),
    "nodule": ("Nodule", "Lung Lesion"),
    "pulmonary mass": ("Mass", "Lung Lesion"),
    "infiltrates": ("Infiltration",),
    "pulmonary edema": ("Edema",),
    "consolidation": ("Consolidation",),
    "pneumonia": ("Pneumonia",),
    "laminar atelectasis": ("laminar atelectasis", "Atelectasis"),
    "lobar atelectasis": ("lobar atelectasis", "Atelectasis"),
    "pneumothorax": ("Pneumothorax",),
    "pleural effusion": ("Pleural Effusion",),
    "pleural thickening": ("Pleural_Thickening", "Pleural Other"),
    "calcified pleural plaques": ("calcified pleural plaques", "Pleural Other"),
    "rib fracture": ("rib fracture", "Fracture"),
    "clavicle fracture": ("clavicle fracture", "Fracture"),
    "emphysema": ("Emphysema",),
    "pulmonary fibrosis": ("Fibrosis",),
    "hiatal hernia": ("Hernia",),
    "subcutaneous emphysema": ("Subcutaneous Emphysema",),
    "pneumomediastinum": ("Pneumomediastinum",),
    "tuberculosis": ("Tuberculosis",),
}
"""What a reader must make of a label; the name of a device or foreign body stays."""
_DEVICES = (
    *("endotracheal tube", "central venous catheter via jugular vein", "pacemaker", "chest drain tube"),
    "NSG tube",
)
_LEFT_OPEN = {
    "infiltrates": ("Consolidation", "Pneumonia"),
    "consolidation": ("Infiltration", "Pneumonia"),
    "pneumonia": ("Infiltration", "Consolidation"),
    "sternotomy": ("Support Devices",),
    "external foreign body": ("Support Devices",),
}
"""Observations that may be there where a label says something near them."""
_EVERY = {"Support Devices", *(names[-1] for names in _OBSERVATIONS.values())} | {
    "Nodule",
    "Mass",
    "Pleural_Thickening",
}
"""The observations that a reader states as positive or negative."""
_SIDES = {"left": " izquierdo", "right": " derecho", "both": " bilateral"}
_NOTHING = "Sin hallazgos patológicos."
_NUMBER = 20_536_686_640_136_348_236_148_679_890_000_000_000
"""Ids are whole numbers of up to 45 digits, which a spreadsheet would round."""
_FIRST_DAY = date(2009, 1, 1)


def study_id(study: StudyTruth) -> str:
    """The number of a study."""
    return str(_NUMBER + int(study.study_id))


def patient_id(patient: PatientTruth) -> str:
    """The number of a patient."""
    return str(8 * _NUMBER + int(patient.patient_id))


def image_name(study: StudyTruth, film: Film) -> str:
    """The file of a film."""
    return f"{study_id(study)}_{film.film_id[:6]}.png"


def write_film(path: Path, film: NDArray[np.uint8]) -> None:
    """Write a film (H, W) as PNG of 16 bits that hold 12."""
    write_png(path, film.astype(np.uint16) << 4)


def day(study: StudyTruth) -> date:
    """The day of a study."""
    return _FIRST_DAY + timedelta(days=study.days)


def year_of_birth(study: StudyTruth) -> int:
    """So that the year of the study less this one is the age in whole years."""
    return day(study).year - int(study.age)


def labels_of(findings: Iterable[Finding]) -> list[str]:
    """The labels of findings, each once; an opacity from pneumonia has the label of both."""
    labels: dict[str, None] = {}
    for finding in findings:
        labels[_LABELS[finding.kind]] = None
        if finding.cause == "pneumonia":
            labels["pneumonia"] = None
    return list(labels)


def spanish(label: str, side: str | None) -> str:
    """What a report says of a label."""
    return f"{_SPANISH[label]}{_SIDES.get(side or '', '')}."


def spanish_report(findings: Sequence[Finding]) -> list[str]:
    """The sentences of a report."""
    said = [spanish(label, finding.side) for finding in findings for label in labels_of([finding])]
    return list(dict.fromkeys(said)) or [_NOTHING]


def expected_labels(labels: Sequence[str], origin: str, *, complete: bool = True) -> Iterator[Label]:
    """What a correct reader makes of labels; without `complete`, the report does not rule out the rest."""
    labels = [label for label in labels if label.lower() != "normal"]
    positive = {name for label in labels for name in _OBSERVATIONS.get(label, (label,))}
    pathologies = positive & _EVERY
    positive |= {"Support Devices"} if any(label in _DEVICES for label in labels) else set()
    positive = positive or {"No Finding"}
    for name in sorted(positive):
        yield Label(name, State.POSITIVE, origin)
    stated = {*_EVERY, "No Finding"} if pathologies else {*_EVERY}
    open_ = {name for label in labels for name in _LEFT_OPEN.get(label, ())}
    for name in sorted(stated - positive - open_) if complete else ():
        yield Label(name, State.NEGATIVE, origin)


def name_of(label: str) -> str:
    """The observation that a correct reader keeps a label under."""
    return _OBSERVATIONS.get(label, (label,))[0]
