"""Structured reports pass the rules of viewers, and a broken twin of each rule does not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from plainfilm.dicom_output.annotations import FilmResults
from plainfilm.dicom_output.objects import tracked
from plainfilm.dicom_output.structured_report import structured_report
from tests.dicom_output.films import ALGORITHM, RESULTS, source_film
from tests.dicom_output.viewer_rules import Refused, dwv_draws, ohif_draws, ohif_edits, slicer_draws


def made(folder: Path, results: FilmResults = RESULTS, **header: Any) -> Any:
    """A report as it is read from its file."""
    film = source_film(folder, **header)
    report = structured_report(film, tracked(film, results, ALGORITHM), ALGORITHM)
    report.save_as(folder / "sr.dcm", enforce_file_format=True)
    return pydicom.dcmread(folder / "sr.dcm")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return made(tmp_path_factory.mktemp("film"))


def boxes(drawn: dict[str, list[tuple[float, float]]]) -> list[list[float]]:
    """x0 y0 x1 y1 of each drawn outline."""
    corners = [np.array(points) for points in drawn.values()]
    return [[*points.min(axis=0), *points.max(axis=0)] for points in corners]


def test_ohif_draws_every_box_in_pixels_of_the_film(report: Any) -> None:
    expected = [one.box for one in RESULTS.annotations if one.box]
    assert boxes(ohif_draws(report)) == [pytest.approx(box, abs=5e-4) for box in expected]


def test_ohif_lets_a_person_edit_every_box_under_its_sentence(report: Any) -> None:
    assert list(ohif_edits(report).values()) == [one.sentence for one in RESULTS.annotations if one.box]


def test_3d_slicer_and_dwv_draw_the_same_boxes(report: Any) -> None:
    assert slicer_draws(report) == 4
    assert dwv_draws(report) == ohif_draws(report)


def test_points_run_clockwise_from_the_top_left_corner(report: Any) -> None:
    first = next(iter(ohif_draws(report).values()))
    (x0, y0), (x1, y1) = first[0], first[2]
    assert first == [(x0, y0), (x1, y0), (x1, y1), (x0, y1), (x0, y0)]
    assert (x0 < x1, y0 < y1) == (True, True)


def test_a_report_without_a_box_is_one_that_viewers_open(tmp_path: Path) -> None:
    unlocated = FilmResults(tuple(one for one in RESULTS.annotations if one.box is None), RESULTS.findings)
    assert ohif_draws(made(tmp_path, unlocated)) == {}


def part(item: Any, value: str) -> Any:
    return next(one for one in item.ContentSequence if one.ConceptNameCodeSequence[0].CodeValue == value)


def group(report: Any) -> Any:
    return part(report, "126010").ContentSequence[0]


def shape(report: Any) -> Any:
    return part(group(report), "111030")


def without(item: Any, value: str) -> None:
    item.ContentSequence.remove(part(item, value))


def renamed(item: Any, value: str, meaning: str) -> None:
    part(item, value).ConceptNameCodeSequence[0].CodeMeaning = meaning


def same_uid(report: Any) -> None:
    first, second = part(report, "126010").ContentSequence[:2]
    part(second, "112040").UID = part(first, "112040").UID


def open_outline(report: Any) -> None:
    shape(report).GraphicData = list(shape(report).GraphicData)[:8]


def add_number_without_coordinates(report: Any) -> None:
    groups = part(report, "126010").ContentSequence
    groups.append(copy.deepcopy(groups[0]))
    part(groups[-1], "112040").UID = "1.2.3.99"
    without(groups[-1], "111030")


def set_value(item: Any, keyword: str, value: Any) -> None:
    setattr(item, keyword, value)


Break = Callable[[Any], Any]
TWINS: dict[str, tuple[Callable[[Any], Any], Break]] = {
    "a class of structured reports": (ohif_draws, lambda r: set_value(r, "SOPClassUID", "1.2.3")),
    "root is an Imaging": (ohif_draws, lambda r: set_value(r.ConceptNameCodeSequence[0], "CodeValue", "1")),
    "every content item has": (ohif_draws, lambda r: r.ContentSequence[0].pop("ConceptNameCodeSequence")),
    "an image library": (ohif_draws, lambda r: without(r, "111028")),
    "an image library group": (ohif_draws, lambda r: without(part(r, "111028"), "126200")),
    "images in the library": (ohif_draws, lambda r: without(part(part(r, "111028"), "126200"), "260753009")),
    "imaging measurements": (ohif_draws, lambda r: without(r, "126010")),
    "a tracking UID of its own": (ohif_draws, same_uid),
    "a tracking unique identifier": (ohif_draws, lambda r: without(group(r), "112040")),
    "a tracking identifier in": (ohif_draws, lambda r: without(group(r), "112039")),
    "coordinates in every group": (ohif_draws, add_number_without_coordinates),
    "coordinates selected from one": (ohif_draws, lambda r: shape(r).pop("ContentSequence")),
    "coordinates on a film": (
        ohif_draws,
        lambda r: set_value(
            shape(r).ContentSequence[0].ReferencedSOPSequence[0], "ReferencedSOPInstanceUID", "1.9"
        ),
    ),
    "a number in every group": (ohif_draws, lambda r: without(group(r), "SCORE")),
    "template 1500": (ohif_edits, lambda r: r.pop("ContentTemplateSequence")),
    "the meaning 'Imaging Measurements'": (ohif_edits, lambda r: renamed(r, "126010", "Messungen")),
    "the meaning 'Measurement Group'": (
        ohif_edits,
        lambda r: [
            set_value(one.ConceptNameCodeSequence[0], "CodeMeaning", "x")
            for one in part(r, "126010").ContentSequence
        ],
    ),
    "the meaning 'Tracking Identifier'": (ohif_edits, lambda r: renamed(group(r), "112039", "x")),
    "the meaning 'Tracking Unique Identifier'": (ohif_edits, lambda r: renamed(group(r), "112040", "x")),
    "a tracking identifier that names": (
        ohif_edits,
        lambda r: set_value(part(group(r), "112039"), "TextValue", "box 1"),
    ),
    "an image region as polyline": (ohif_edits, lambda r: set_value(shape(r), "GraphicType", "ELLIPSE")),
    "a polyline of four or five": (
        ohif_edits,
        lambda r: set_value(shape(r), "GraphicData", list(shape(r).GraphicData)[:6]),
    ),
    "a geometric purpose": (slicer_draws, lambda r: without(group(r), "130400")),
    "bounded by": (
        slicer_draws,
        lambda r: set_value(part(group(r), "130400").ConceptCodeSequence[0], "CodeValue", "1"),
    ),
    "evidence of the current": (dwv_draws, lambda r: r.pop("CurrentRequestedProcedureEvidenceSequence")),
    "the film among the evidence": (
        dwv_draws,
        lambda r: set_value(
            shape(r).ContentSequence[0].ReferencedSOPSequence[0], "ReferencedSOPInstanceUID", "1.9"
        ),
    ),
    "a closed polyline": (dwv_draws, open_outline),
}


@pytest.mark.parametrize("rule", TWINS)
def test_a_broken_twin_of_each_rule_is_refused(rule: str, report: Any) -> None:
    draws, break_it = TWINS[rule]
    twin = copy.deepcopy(report)
    break_it(twin)
    with pytest.raises(Refused, match=rule):
        draws(twin)


def test_every_rule_has_a_twin() -> None:
    source = Path(__file__).with_name("viewer_rules.py").read_text()
    rules = source.count("_require(") - 1
    assert len(TWINS) == rules


def test_patient_and_study_are_those_of_the_film(report: Any) -> None:
    assert (report.PatientName, report.PatientID, report.PatientSex) == ("Doe^Jane", "P77", "F")
    assert (report.StudyInstanceUID, report.AccessionNumber) == ("1.2.3.2.1", "A77")
    [study] = report.CurrentRequestedProcedureEvidenceSequence
    [series] = study.ReferencedSeriesSequence
    assert (study.StudyInstanceUID, series.SeriesInstanceUID) == ("1.2.3.2.1", "1.2.3.3.1")
    assert series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == "1.2.3.4.1"


def test_it_claims_no_verification(report: Any) -> None:
    assert (report.VerificationFlag, report.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")


def test_the_same_answer_is_the_same_object_and_another_is_another(report: Any, tmp_path: Path) -> None:
    again = made(tmp_path)
    assert (again.SOPInstanceUID, again.SeriesInstanceUID) == (
        report.SOPInstanceUID,
        report.SeriesInstanceUID,
    )
    other = made(tmp_path, FilmResults(RESULTS.annotations[1:], RESULTS.findings))
    assert other.SOPInstanceUID != report.SOPInstanceUID
    assert other.SeriesInstanceUID == report.SeriesInstanceUID
    another_film = made(tmp_path, SOPInstanceUID="1.2.3.4.2")
    assert another_film.SeriesInstanceUID != report.SeriesInstanceUID


def test_the_algorithm_is_named_at_every_box(report: Any) -> None:
    for one in part(report, "126010").ContentSequence:
        assert part(one, "111001").TextValue == "chex-1-tiny"
        assert part(one, "111003").TextValue == "4704e14a436c563c"
        assert part(one, "111000").ConceptCodeSequence[0].CodeMeaning == "Artificial Intelligence"
