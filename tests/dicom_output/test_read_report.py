"""Reports are read back: ours, ours after a person edited it, and those of other software."""

from __future__ import annotations

import copy
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import highdicom as hd
import numpy as np
import pydicom
import pytest
from pydicom.sr.codedict import codes

from plainfilm.dicom_output.annotations import Annotation, Answer, FilmResults, document_of_results
from plainfilm.dicom_output.objects import tracked
from plainfilm.dicom_output.read_report import read_report, report_of_dataset
from plainfilm.dicom_output.structured_report import structured_report
from plainfilm.errors import DataError
from tests.dicom_output.films import ALGORITHM, DOCUMENT, RESULTS, source_film

FILM = "1.2.3.4.1"


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return source_film(tmp_path_factory.mktemp("film"))


@pytest.fixture(scope="module")
def written(film: Any) -> Path:
    path = film.path.with_name("sr.dcm")
    report = structured_report(film, tracked(film, RESULTS, ALGORITHM), ALGORITHM)
    report.save_as(path, enforce_file_format=True)
    return path


@pytest.fixture
def dataset(written: Path) -> Any:
    return pydicom.dcmread(written)


def part(item: Any, value: str) -> Any:
    return next(one for one in item.ContentSequence if one.ConceptNameCodeSequence[0].CodeValue == value)


def groups(dataset: Any) -> Any:
    return part(dataset, "126010").ContentSequence


def located(dataset: Any) -> list[Annotation]:
    return [one for one in report_of_dataset(dataset).films[FILM].annotations if one.box]


def test_a_report_holds_the_whole_document(written: Path) -> None:
    report = read_report(written)
    assert document_of_results("film.dcm", report.films[FILM]) == DOCUMENT
    assert (report.algorithm, report.sizes, report.left_out) == (ALGORITHM, {FILM: (100, 120)}, ())
    assert report.study_uid == "1.2.3.2.1"


def test_written_again_it_is_the_same_object(film: Any, written: Path) -> None:
    report = read_report(written)
    assert report.algorithm is not None
    again = structured_report(film, report.films[FILM], report.algorithm)
    assert again.SOPInstanceUID == report.uid


@pytest.mark.parametrize("side", [800, 3001, 15999])
def test_corners_of_large_films_come_back_exactly(side: int, film: Any) -> None:
    rng = np.random.default_rng(side)
    corners = np.sort(rng.uniform(0, side, (50, 2, 2)), axis=1).reshape(-1, 4).round(3).tolist()
    boxes = tuple(Annotation(Answer("report", 1), tuple(box), sentence="x") for box in corners)
    film.header.Rows = film.header.Columns = side
    report = structured_report(film, tracked(film, FilmResults(boxes), ALGORITHM), ALGORITHM)
    assert [list(one.box or ()) for one in located(report)] == corners


def test_a_moved_box_keeps_its_identity(dataset: Any) -> None:
    before = located(dataset)[0]
    part(groups(dataset)[0], "111030").GraphicData = [1, 2, 3, 2, 3, 4, 1, 4, 1, 2]
    assert located(dataset)[0] == replace(before, box=(1.0, 2.0, 3.0, 4.0))


def test_a_changed_sentence_of_one_of_two_boxes_becomes_an_answer_of_its_own(dataset: Any) -> None:
    part(groups(dataset)[1], "121106").TextValue = "Scar."
    found = document_of_results("film.dcm", report_of_dataset(dataset).films[FILM])["find"]
    assert [(one["sentence"], len(one["boxes"])) for one in found] == [
        ("A small effusion on the left.", 1),
        ("Scar.", 1),
        (None, 0),
    ]


def test_deleted_groups_are_gone(dataset: Any) -> None:
    expected = located(dataset)[1:]
    del groups(dataset)[0]
    assert located(dataset) == expected


def test_a_comment_that_was_removed_leaves_the_box(dataset: Any) -> None:
    first = groups(dataset)[0]
    first.ContentSequence.remove(part(first, "121106"))
    assert located(dataset)[0].sentence is None


def saved_by_ohif(dataset: Any, *, free_text: bool) -> Any:
    """The report as OHIF saves it: coordinates below the number, nothing of ours but tracking and label."""
    for group in groups(dataset):
        shape, number = part(group, "111030"), part(group, "SCORE" if "score" in repr(group) else "42798000")
        comment = part(group, "121106").TextValue
        kept = [part(group, "112039"), part(group, "112040")]
        shape.RelationshipType = "INFERRED FROM"
        number.ConceptNameCodeSequence[0].CodeValue = "42798000"
        number.ConceptNameCodeSequence[0].CodingSchemeDesignator = "SCT"
        number.ContentSequence = [shape]
        label = copy.deepcopy(part(group, "121071") if free_text else part(group, "121106"))
        if free_text:
            with warnings.catch_warnings():  # the code is longer than DICOM allows, and OHIF writes it
                warnings.simplefilter("ignore")
                label.ConceptCodeSequence[0].CodeValue = "CORNERSTONEFREETEXT"
            label.ConceptCodeSequence[0].CodeMeaning = comment
        group.ContentSequence = [*kept, label, number, copy.deepcopy(number)]
    return dataset


@pytest.mark.parametrize("free_text", [True, False])
def test_what_ohif_saves_is_read(free_text: bool, dataset: Any) -> None:
    before = located(dataset)
    after = located(saved_by_ohif(dataset, free_text=free_text))
    assert [(one.box, one.sentence, one.tracking_uid) for one in after] == [
        (one.box, one.sentence, one.tracking_uid) for one in before
    ]
    assert {one.answer.question for one in after} == {"report"}


def foreign(film: Any, kind: str, points: list[tuple[float, float]]) -> Any:
    """A report that highdicom's own template makes, with a nodule."""
    image = hd.sr.SourceImageForRegion(film.header.SOPClassUID, film.uid)
    group = hd.sr.PlanarROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier("1.2.3.5", "nodule 1"),
        referenced_region=hd.sr.ImageRegion(kind, np.array(points), image),
        finding_type=codes.SCT.Nodule,
    )
    person = hd.sr.ObserverContext(codes.DCM.Person, hd.sr.PersonObserverIdentifyingAttributes("Reader^A"))
    content = hd.sr.MeasurementReport(
        hd.sr.ObservationContext(person), codes.LN.CTUnspecifiedBodyRegion, [group]
    )
    series = ("1.2.3.6", 1, "1.2.3.7", 1)
    return hd.sr.ComprehensiveSR([film.header], content, *series, manufacturer="another")


@pytest.mark.parametrize(
    ("kind", "points", "box"),
    [
        ("POLYLINE", [(1, 2), (9, 2), (9, 8), (1, 8), (1, 2)], (1, 2, 9, 8)),
        ("POLYLINE", [(5, 0), (10, 5), (5, 10), (0, 5)], (0, 0, 10, 10)),
        ("CIRCLE", [(10, 10), (13, 14)], (5, 5, 15, 15)),
        ("ELLIPSE", [(0, 5), (20, 5), (10, 2), (10, 8)], (0, 2, 20, 8)),
    ],
)
def test_outlines_of_other_software_become_the_box_around_them(
    kind: str, points: Any, box: Any, film: Any
) -> None:
    [found] = located(foreign(film, kind, points))
    assert (found.box, found.name, found.score, found.tracking_uid) == (box, "Nodule", None, "1.2.3.5")
    assert found.answer == Answer("find", 1)


def test_an_oblique_ellipse_is_enclosed_like_its_points(film: Any) -> None:
    turn, major, minor = 0.4, 30.0, 10.0
    long, short = (
        np.array([np.cos(turn), np.sin(turn)]) * major,
        np.array([-np.sin(turn), np.cos(turn)]) * minor,
    )
    angles = np.linspace(0, 2 * np.pi, 100_000)[:, None]
    outline = np.array([50, 60]) + np.cos(angles) * long + np.sin(angles) * short
    middle = np.array([50, 60])
    ends = [tuple(one) for one in (middle - long, middle + long, middle - short, middle + short)]
    [found] = located(foreign(film, "ELLIPSE", ends))
    assert found.box == pytest.approx([*outline.min(axis=0), *outline.max(axis=0)], abs=2e-3)


@pytest.mark.parametrize(("kind", "points"), [("POINT", [(3, 4)]), ("POLYLINE", [(1, 2), (9, 2)])])
def test_points_and_lengths_are_left_out_and_said(kind: str, points: Any, film: Any) -> None:
    report = report_of_dataset(foreign(film, kind, points))
    assert not any(one.annotations for one in report.films.values())
    assert report.left_out == (f"group 1: a {kind} that outlines nothing on the first frame of a film",)


def test_a_report_by_another_template_is_refused_in_one_line(written: Path, dataset: Any) -> None:
    dataset.ConceptNameCodeSequence[0].CodeValue = "11528-7"
    path = written.with_name("other.dcm")
    dataset.save_as(path)
    with pytest.raises(DataError, match="other.dcm: is no Imaging Measurement Report"):
        read_report(path)


@pytest.mark.parametrize("length", [0, 3, 200, 900, 1500, 4000, 9000, 13000])
def test_truncated_and_foreign_files_are_one_error(length: int, written: Path) -> None:
    path = written.with_name("cut.dcm")
    path.write_bytes(written.read_bytes()[:length])
    with pytest.raises(DataError, match="cut.dcm: "):
        read_report(path)


@pytest.mark.parametrize("keyword", ["ValueType", "ConceptNameCodeSequence", "ContentSequence", "TextValue"])
def test_groups_that_lack_elements_never_end_in_another_error(keyword: str, dataset: Any) -> None:
    for item in groups(dataset)[0].ContentSequence:
        if keyword in item:
            del item[keyword]
    report_of_dataset(dataset)
