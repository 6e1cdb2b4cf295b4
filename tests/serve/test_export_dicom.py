"""What a person accepted in the workbench is in the DICOM objects, and nothing else."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Any

import pydicom
import pytest
from fastapi.testclient import TestClient

from plainfilm.dicom_output.read_report import ReadReport, read_report
from plainfilm.dicom_output.structured_report import UNNAMED
from plainfilm.serve.routes import export_dicom
from tests.serve.conftest import client_with, opened

BOX = {"x0": 10.0, "y0": 20.0, "x1": 60.0, "y1": 80.0, "score": 0.75}
OTHER = {"x0": 5.0, "y0": 8.5, "x1": 30.0, "y1": 44.0, "score": 0.5}


def box(state: str, corners: dict[str, float] = BOX) -> dict[str, Any]:
    return {"box_id": f"{state} {corners['x0']}", "state": state, **corners}


def sentence(state: str, text: str | None, boxes: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    known = {"id": str(text), "kind": "phrase", "phrase": "pleural effusion"}
    return {**known, "state": state, "text": text, "boxes": boxes, **changes}


def work(file: Path, *sentences: dict[str, Any]) -> dict[str, Any]:
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    film = {"sha256": digest, "name": file.name, "width": 100, "height": 120, "sentences": sentences}
    return {"format": "plainfilm-work", "version": 1, "films": [film]}


def exported(client: TestClient, document: dict[str, Any], folder: Path) -> list[str]:
    """The names of the files of an export, which are then in `folder`."""
    answer = client.post("/api/export/dicom", json=document)
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        archive.extractall(folder)
        return archive.namelist()


def said(report: ReadReport) -> list[tuple[Any, ...]]:
    (results,) = report.films.values()
    return [(one.answer.question, one.name, one.sentence, one.box, one.score) for one in results.annotations]


def test_boxes_and_sentences_that_a_person_stands_for_are_read_back(
    client: TestClient, dicom_file: Path, tmp_path: Path
) -> None:
    opened(client, dicom_file)
    document = work(
        dicom_file,
        sentence("accepted", "Left effusion.", [box("proposed"), box("rejected", OTHER)]),
        sentence("proposed", "Never judged.", [box("accepted", OTHER)]),
        sentence("proposed", "Not judged at all.", [box("proposed")]),
        sentence("rejected", "Wrong.", [box("accepted")]),
        sentence(
            "proposed", "Drawn.", [box("proposed", OTHER | {"score": None})], kind="box", origin="person"
        ),
        sentence("edited", "Moved.", [box("edited")], kind="report"),
        sentence("accepted", "Das Herz ist groß, 心臟擴大。", [], kind="own", origin="bank"),
    )
    names = exported(client, document, tmp_path / "out")
    assert names == [f"001/{kind}-1.2.3.4.1.dcm" for kind in ("sr", "pr", "sc")]
    report = read_report(tmp_path / "out" / names[0])
    assert (report.study_uid, report.left_out) == ("1.2.3.2.1", ())
    at, other = (10.0, 20.0, 60.0, 80.0), (5.0, 8.5, 30.0, 44.0)
    assert said(report) == [
        ("find", "pleural effusion", "Left effusion.", at, 0.75),
        ("find", "pleural effusion", None, other, 0.5),
        ("box", None, "Drawn.", other, None),
        ("report", None, "Moved.", at, None),
        ("report", None, "Das Herz ist groß, 心臟擴大。", None, None),
    ]
    assert report.algorithm is not None
    assert report.algorithm.parameters == (export_dicom.REVIEWED,)


CHANGES = {
    "a sentence that was edited": (sentence("edited", "Changed.", []), True),
    "a box that was moved": (sentence("accepted", "Effusion.", [box("edited")]), True),
    "a box that was drawn": (
        sentence("proposed", "Drawn.", [box("proposed")], kind="box", origin="person"),
        True,
    ),
    "nothing": (sentence("accepted", "Effusion.", [box("accepted")]), False),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_reader_is_an_observer_where_something_was_changed(
    client: TestClient, dicom_file: Path, tmp_path: Path, what: str
) -> None:
    opened(client, dicom_file)
    one, is_changed = CHANGES[what]
    reports = []
    for name in ("", "王小明 Dr. A\\B"):
        names = exported(client, work(dicom_file, one) | {"reader": name}, tmp_path / (name[:1] or "none"))
        reports.append(read_report(tmp_path / (name[:1] or "none") / names[0]))
    expected = [UNNAMED, "王小明 Dr. A B"] if is_changed else ["", ""]
    assert [report.reader for report in reports] == expected
    assert (reports[0].uid != reports[1].uid) == is_changed


def test_objects_lie_in_the_study_of_the_film(client: TestClient, dicom_file: Path, tmp_path: Path) -> None:
    opened(client, dicom_file)
    names = exported(client, work(dicom_file, sentence("accepted", "Clear.", [])), tmp_path)
    source = pydicom.dcmread(dicom_file)
    made = [pydicom.dcmread(tmp_path / name) for name in names]
    assert [one.Modality for one in made] == ["SR", "PR", "OT"]
    for one in made:
        assert (one.StudyInstanceUID, one.PatientID) == (source.StudyInstanceUID, source.PatientID)


def test_films_without_objects_are_named(
    client: TestClient, dicom_file: Path, png_file: Path, tmp_path: Path
) -> None:
    for file in (dicom_file, png_file):
        opened(client, file)
    absent = tmp_path / "absent.dcm"
    absent.write_bytes(b"another film")
    accepted = sentence("accepted", "Clear.", [])
    document = work(dicom_file, accepted)
    document["films"] += [work(file, accepted)["films"][0] for file in (png_file, absent)]
    names = exported(client, document, tmp_path / "out")
    assert names[3:] == [export_dicom.LEFT_OUT]
    first, second = (tmp_path / "out" / export_dicom.LEFT_OUT).read_text("utf-8").splitlines()
    assert first.startswith(f"{png_file.name}: is no DICOM file")
    assert second.startswith("absent.dcm: is not open")


OUTSIDE = box("accepted", {"x0": 200.0, "y0": 0.0, "x1": 220.0, "y1": 9.0, "score": 0.5})
REFUSED = {
    "nothing was accepted": sentence("proposed", "Never judged.", [box("proposed")]),
    "the box 200,0,220,9 lies outside the film of 100 x 120": sentence("accepted", "Here.", [OUTSIDE]),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_work_without_anything_to_write_is_refused(client: TestClient, dicom_file: Path, reason: str) -> None:
    opened(client, dicom_file)
    answer = client.post("/api/export/dicom", json=work(dicom_file, REFUSED[reason]))
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "not_possible")
    assert answer.json()["error"]["message"].startswith(f"chest.dcm: {reason}")


ODD = {
    "control characters": sentence("accepted", "Clear\x00\x1b\tlungs.", [box("accepted")]),
    "nothing else": sentence("accepted", "\x00\x1b", [box("accepted")], kind="report"),
    "a long text": sentence("accepted", "Clear lungs. " * 150, [box("accepted")]),
    "a long phrase": sentence("accepted", "Clear.", [box("accepted")], phrase="effusion " * 500),
    "several lines": sentence("accepted", "Clear lungs.\nNo effusion.", [box("accepted")]),
    "no phrase": sentence("accepted", "Clear.", [box("accepted")], phrase=None),
    "a box beyond the film": sentence("accepted", "Clear.", [box("accepted", BOX | {"x1": 1e8})]),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_work_is_written_and_read_back(
    client: TestClient, dicom_file: Path, tmp_path: Path, kind: str
) -> None:
    opened(client, dicom_file)
    names = exported(client, work(dicom_file, ODD[kind]), tmp_path)
    ((_, _, text, at, _),) = said(read_report(tmp_path / names[0]))
    expected = "".join(one if one.isprintable() or one == "\n" else " " for one in ODD[kind]["text"]).strip()
    assert (text or "") == expected
    assert (at is None) == (not ODD[kind]["boxes"])


def test_it_is_offered_only_with_the_packages(predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_dicom, "find_spec", lambda name: None if name == "highdicom" else object())
    with client_with(predictor) as client:
        assert "export_dicom" not in client.get("/api/model").json()["offers"]
        assert "/api/export/dicom" not in client.get("/openapi.json").json()["paths"]
