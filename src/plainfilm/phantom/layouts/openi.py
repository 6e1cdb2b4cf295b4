"""The Indiana University collection of Open-i, with Kaggle's table of views.

    NLMCXR_reports/ecgen-radiology/N.xml    a report, ids of its films, MeSH headings, licence
    NLMCXR_png/CXRN_IM-MMMM-1001.png        films
    indiana_projections.csv                 uid, filename, projection

Quirks kept: reports without a film and films without an entry in the table of views, blank sections and blank
reports, XXXX for removed words, AP films labelled frontal, "normal" and "No Indexing" for headings, a film
named by a report but missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from plainfilm.io.files import replacing
from plainfilm.phantom.publishing import studies_of, write_csv, write_png
from plainfilm.phantom.truth import Film, Finding, PatientTruth, StudyTruth
from plainfilm.seeding import generator
from plainfilm.text.sections import parse_sections
from plainfilm.text.structured import report_of
from plainfilm.types import Image, Label, Rejection, State, Study, View

_REPORTS, _FILMS = Path("NLMCXR_reports", "ecgen-radiology"), Path("NLMCXR_png")
_LICENCE = "http://creativecommons.org/licenses/by-nc-nd/4.0/"
_SECTIONS = ("comparison", "indication", "findings", "impression")
_NO_FILMS, _NOT_INDEXED, _UNLISTED, _LOST = 0.03, 0.03, 0.04, 0.03
_FIRST_STUDY = 50_000_000
_HEADINGS = {
    "cardiomegaly": "Cardiomegaly",
    "wide_mediastinum": "Mediastinum/enlarged",
    "nodule": "Nodule/lung",
    "mass": "Mass/lung",
    "opacity": "Opacity/lung",
    "edema": "Pulmonary Edema",
    "consolidation": "Consolidation",
    "plate_atelectasis": "Pulmonary Atelectasis",
    "lobar_atelectasis": "Pulmonary Atelectasis",
    "pneumothorax": "Pneumothorax",
    "effusion": "Pleural Effusion",
    "pleural_thickening": "Thickening/pleura",
    "pleural_plaques": "Calcinosis/pleura",
    "rib_fracture": "Fractures, Bone/ribs",
    "clavicle_fracture": "Fractures, Bone/clavicle",
    "vertebral_fracture": "Fractures, Bone/thoracic vertebrae",
    "tracheal_tube": "Tube, Inserted",
    "central_line": "Catheters, Indwelling",
    "pacemaker": "Implanted Medical Device",
    "chest_tube": "Tube, Inserted",
    "feeding_tube": "Tube, Inserted",
    "sternal_wires": "Surgical Instruments",
    "emphysema": "Emphysema",
    "fibrosis": "Pulmonary Fibrosis",
    "hernia": "Hernia, Hiatal",
    "subcutaneous_emphysema": "Subcutaneous Emphysema",
    "pneumomediastinum": "Pneumomediastinum",
    "foreign_body": "Foreign Bodies",
    "tuberculosis": "Tuberculosis",
}
"""The MeSH heading of each kind of finding."""


def write_study(
    root: Path, patient: PatientTruth, study: StudyTruth, films: Sequence[NDArray[np.uint8]]
) -> None:
    """The report and the films."""
    for film, array in zip(study.films, films, strict=True):
        if film in _films(study) and not _is_lost(film):
            write_png(root / _FILMS / f"{_name(study, film)}.png", array)
    document = ElementTree.ElementTree(_document(study))
    ElementTree.indent(document, "   ")
    with replacing(root / _REPORTS / f"{_uid(study)}.xml") as path:
        document.write(path, encoding="utf-8", xml_declaration=True)


def _uid(study: StudyTruth) -> int:
    return int(study.study_id) - _FIRST_STUDY


def _name(study: StudyTruth, film: Film) -> str:
    number = study.films.index(film) + 1
    return f"CXR{_uid(study)}_IM-{_uid(study) % 10_000:04d}-{number}001"


def _films(study: StudyTruth) -> tuple[Film, ...]:
    """The films that the report names."""
    without = study.report is not None and generator("openi", study.study_id).random() < _NO_FILMS
    return () if without else study.films


def _is_lost(film: Film) -> bool:
    return bool(generator("openi", film.film_id, "lost").random() < _LOST)


def _document(study: StudyTruth) -> ElementTree.Element:
    root = ElementTree.Element("eCitation")
    ElementTree.SubElement(root, "uId", id=f"CXR{_uid(study)}")
    ElementTree.SubElement(root, "licenseURL").text = _LICENCE
    citation = ElementTree.SubElement(root, "MedlineCitation")
    abstract = ElementTree.SubElement(ElementTree.SubElement(citation, "Article"), "Abstract")
    texts = dict(_texts(study))
    for name in _SECTIONS:
        ElementTree.SubElement(abstract, "AbstractText", Label=name.upper()).text = texts.get(name, "")
    mesh = ElementTree.SubElement(root, "MeSH")
    for heading in _headings(study):
        ElementTree.SubElement(mesh, "major").text = heading
    for film in _films(study):
        parent = ElementTree.SubElement(root, "parentImage", id=_name(study, film))
        ElementTree.SubElement(parent, "caption").text = "PA and lateral chest, XXXX XXXX"
    return root


def _texts(study: StudyTruth) -> Iterator[tuple[str, str]]:
    """The sections of the report, each on one line; text under no header becomes findings."""
    for section in parse_sections(study.report or "", "mimic_cxr"):
        name = "findings" if section.name == "other" else section.name
        if name in _SECTIONS:
            yield name, " ".join(section.text.split()).replace("___", "XXXX")


def _headings(study: StudyTruth) -> list[str]:
    if generator("openi", study.study_id, "index").random() < _NOT_INDEXED:
        return ["No Indexing"]
    headings = [_heading(finding) for finding in study.findings if finding.stated == 1]
    return list(dict.fromkeys(headings)) or ["normal"]


def _heading(finding: Finding) -> str:
    severity = "mild" if finding.severity < 0.4 else None
    return "/".join(filter(None, (_HEADINGS[finding.kind], finding.side, severity)))


def write_tables(root: Path, patients: Sequence[PatientTruth], seed: int) -> None:
    """Kaggle's table of views."""
    rows = [
        (_uid(study), f"{_name(study, film).removeprefix('CXR')}.dcm.png", _projection(film))
        for _, study in studies_of(patients)
        for film in _films(study)
        if _projection(film)
    ]
    write_csv(root / "indiana_projections.csv", ("uid", "filename", "projection"), rows)


def _projection(film: Film) -> str | None:
    if generator("openi", film.film_id, "view").random() < _UNLISTED:
        return None
    return "Frontal" if View(film.view).is_frontal else "Lateral"


def expected(root: Path, patients: Sequence[PatientTruth], seed: int) -> Iterator[Study | Rejection]:
    """A study per report; its patient is unknown, so each study has its own."""
    for _, study in studies_of(patients):
        name = f"CXR{_uid(study)}"
        report = report_of(_in_order(study))
        if not report.text:
            yield Rejection(str(root / _REPORTS / f"{_uid(study)}.xml"), "the report is empty", name)
        images = []
        for film in _films(study):
            if _is_lost(film):
                yield Rejection(_name(study, film), "named by the report but not on disk", name)
            else:
                images.append(_image(root, study, film))
        yield Study(
            name,
            name,
            tuple(images),
            report if report.text else None,
            labels=tuple(_labels(_headings(study))),
        )


def _in_order(study: StudyTruth) -> list[tuple[str, str]]:
    texts = dict(_texts(study))
    return [(name, texts[name]) for name in _SECTIONS if name in texts]


def _image(root: Path, study: StudyTruth, film: Film) -> Image:
    views = {"Frontal": View.PA, "Lateral": View.LATERAL, None: View.UNKNOWN}
    name = _name(study, film)
    return Image(name, root / _FILMS / f"{name}.png", views[_projection(film)], licence=_LICENCE)


def _labels(headings: Sequence[str]) -> Iterator[Label]:
    names = {heading.partition("/")[0] for heading in headings} - {"No Indexing"}
    for name in sorted(names):
        yield Label("No Finding" if name == "normal" else name, State.POSITIVE, "openi/mesh")
