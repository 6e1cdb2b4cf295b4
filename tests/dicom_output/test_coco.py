"""Structured report to COCO to structured report, without loss."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from plainfilm.dicom_output.coco import coco_of_reports, results_of_coco
from plainfilm.dicom_output.objects import tracked
from plainfilm.dicom_output.read_report import ReadReport, report_of_dataset
from plainfilm.dicom_output.structured_report import structured_report
from plainfilm.errors import DataError
from plainfilm.sources import coco as source
from plainfilm.types import Study
from tests.dicom_output.films import ALGORITHM, RESULTS, source_film


@pytest.fixture
def report(tmp_path: Path) -> ReadReport:
    film = source_film(tmp_path)
    return report_of_dataset(structured_report(film, tracked(film, RESULTS, ALGORITHM), ALGORITHM))


def test_a_report_comes_back_from_coco_as_the_same_object(report: ReadReport, tmp_path: Path) -> None:
    (tmp_path / "boxes.json").write_text(json.dumps(coco_of_reports([report])))
    results = results_of_coco(tmp_path / "boxes.json")
    assert results == report.films
    assert report.algorithm is not None
    again = structured_report(source_film(tmp_path), results["1.2.3.4.1"], report.algorithm)
    assert again.SOPInstanceUID == report.uid


def test_the_source_coco_reads_the_boxes(report: ReadReport, tmp_path: Path) -> None:
    document = coco_of_reports([report], {"1.2.3.4.1": tmp_path / "film.dcm"})
    (tmp_path / "train.json").write_text(json.dumps(document))
    [study] = [one for one in source.read(tmp_path, source.Config()) if isinstance(one, Study)]
    [image] = study.images
    assert [(box.name, box.kind, box.phrase) for box in image.boxes][::2] == [
        ("left pleural effusion", "observation", "left pleural effusion"),
        ("described region", "phrase", "Clear lungs."),
    ]
    expected = [one.box for one in RESULTS.annotations if one.box]
    assert [(box.x0, box.y0, box.x1, box.y1) for box in image.boxes] == [
        pytest.approx(box) for box in expected
    ]


@pytest.mark.parametrize("document", [{}, [], {"images": [], "categories": [{}], "annotations": []}])
def test_other_documents_are_one_error(document: object, tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match="other.json: is no COCO file made of structured reports"):
        results_of_coco(tmp_path / "other.json")
