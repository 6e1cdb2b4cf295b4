"""Over HTTP a model answers as `plainfilm predict` does."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from plainfilm.cli.main import run
from plainfilm.predictor import load
from plainfilm.serve import app
from tests.serve.conftest import ADDRESS, opened

PHRASE, BOX = "pleural effusion", (10.0, 20.0, 60.0, 80.0)
CORNERS = dict(zip(("x0", "y0", "x1", "y1"), BOX, strict=True))


@pytest.fixture(scope="module")
def predicted(region_model: Path, dicom_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict:
    """What the command line says of the film."""
    import contextlib
    import io

    out = io.StringIO()
    words = ["predict", str(region_model), str(dicom_file), "--find", PHRASE, "--json"]
    with contextlib.redirect_stdout(out):
        assert run([*words, "--box", ",".join(map(str, BOX))]) == 0
    return json.loads(out.getvalue())[0]


def assert_same(one: Any, other: Any) -> None:
    """The same document; numbers up to what the order of additions changes on some processors."""
    if isinstance(one, dict):
        assert one.keys() == other.keys()
        one, other = list(one.values()), list(other.values())
    if isinstance(one, list):
        assert len(one) == len(other)
        for first, second in zip(one, other, strict=True):
            assert_same(first, second)
    else:
        assert one == (pytest.approx(other, rel=1e-4, abs=1e-4) if isinstance(one, float) else other)


def test_findings_are_those_of_predict(client: TestClient, dicom_file: Path, predicted: dict) -> None:
    film = opened(client, dicom_file)
    assert_same(client.post(f"/api/films/{film}/findings").json()["findings"], predicted["findings"])


def test_boxes_are_those_of_predict(client: TestClient, dicom_file: Path, predicted: dict) -> None:
    film = opened(client, dicom_file)
    alone, together = (
        client.post(f"/api/films/{film}/locate", json={"texts": texts}).json()["find"]
        for texts in ([PHRASE], ["edema", PHRASE])
    )
    assert_same(alone, predicted["find"])
    assert [one["text"] for one in together] == ["edema", PHRASE]


def test_sentences_are_those_of_predict(client: TestClient, dicom_file: Path, predicted: dict) -> None:
    film = opened(client, dicom_file)
    answer = client.post(f"/api/films/{film}/describe", json={"boxes": [CORNERS]}).json()
    assert answer["boxes"] == predicted["boxes"]


def test_a_box_outside_the_film_is_refused_in_words(client: TestClient, dicom_file: Path) -> None:
    box = {"x0": 200, "y0": 0, "x1": 220, "y1": 9}
    film = opened(client, dicom_file)
    answer = client.post(f"/api/films/{film}/describe", json={"boxes": [box]})
    assert answer.status_code == 422
    assert "outside the film of 100 x 120" in answer.json()["error"]["message"]


def test_similar_sentences_come_with_their_source(client: TestClient, dicom_file: Path) -> None:
    film = opened(client, dicom_file)
    for path, question in (
        (f"/api/films/{film}/similar", {"k": 3}),
        ("/api/similar", {"text": PHRASE, "k": 3}),
    ):
        results = client.post(path, json=question).json()["results"]
        assert [item["rank"] for item in results] == [1, 2, 3]
        assert all(item["text"] and item["study_id"] for item in results)


def test_a_film_is_encoded_once(client: TestClient, dicom_file: Path) -> None:
    film = opened(client, dicom_file)
    client.post(f"/api/films/{film}/findings")
    held = client.app.state.service.films.get(film)
    (first,) = held.encoded.values()
    client.post(f"/api/films/{film}/locate", json={"texts": [PHRASE]})
    (again,) = held.encoded.values()
    assert again is first


def test_only_what_the_model_can_is_offered(tiny_classifier: Path) -> None:
    application = app(load(tiny_classifier))
    paths = application.openapi()["paths"]
    assert "/api/films/{film_id}/findings" in paths
    assert not [
        path for path in paths if path.endswith(("locate", "describe", "report", "similar", "studies"))
    ]
    with TestClient(application, base_url=ADDRESS) as client:
        facts = client.get("/api/model").json()
        assert (facts["offers"], facts["regions"]) == (["export_dicom", "findings"], [])
        answer = client.post(f"/api/films/{'0' * 32}/locate", json={"texts": ["edema"]})
        assert answer.json()["error"]["code"] == "not_found"


def test_a_study_is_answered_from_all_its_films(
    tiny_study_model: Path, png_file: Path, dicom_file: Path
) -> None:
    model = load(tiny_study_model)
    with TestClient(app(model), base_url=ADDRESS) as client:
        films = [{"film_id": opened(client, png_file), "view": "PA"}, {"film_id": opened(client, dicom_file)}]
        answer = client.post("/api/studies", json={"films": films, "report": True}).json()
        alone = client.post(f"/api/films/{films[1]['film_id']}/report").json()
    assert [film["view"] for film in answer["films"]] == ["PA", "AP"]
    written = model.write_report([png_file, dicom_file], ["PA", "AP"])
    assert [one["text"] for one in answer["report"]["sentences"]] == [one.text for one in written.sentences]
    assert alone["report"]["sentences"]


def test_a_job_answers_about_many_films(client: TestClient, dicom_file: Path, png_file: Path) -> None:
    films = [opened(client, file) for file in (dicom_file, png_file)]
    job = client.post("/api/jobs", json={"films": films, "find": [PHRASE]})
    assert job.status_code == 202
    state = job.json()
    while state["state"] in ("waiting", "running"):
        time.sleep(0.02)
        state = client.get(f"/api/jobs/{state['job_id']}").json()
    assert [answer["film_id"] for answer in state["answers"]] == films
    assert all(len(answer["find"]) == 1 for answer in state["answers"])
    assert all(0 < answer["uncertainty"] <= 1 for answer in state["answers"])


def test_a_job_that_the_model_cannot_do_is_refused(tiny_model: Path, dicom_file: Path) -> None:
    with TestClient(app(load(tiny_model)), base_url=ADDRESS) as client:
        films = [opened(client, dicom_file)]
        for asked in ({"report": True}, {"find": [PHRASE]}):
            answer = client.post("/api/jobs", json={"films": films, **asked})
            assert (answer.status_code, answer.json()["error"]["code"]) == (422, "not_possible")


def test_a_map_is_that_of_predict(tiny_model: Path, dicom_file: Path, tmp_path: Path) -> None:
    assert run(["predict", str(tiny_model), str(dicom_file), "--map", PHRASE, "--out", str(tmp_path)]) == 0
    (film,) = json.loads((tmp_path / "maps.json").read_text("utf-8"))["films"]
    (predicted,) = film["maps"]
    with TestClient(app(load(tiny_model)), base_url=ADDRESS) as client:
        assert "map" in client.get("/api/model").json()["offers"]
        answer = client.post(f"/api/films/{opened(client, dicom_file)}/map", json={"text": PHRASE}).json()
    assert answer == {name: value for name, value in predicted.items() if name != "picture"}


def test_a_report_has_the_sentences_and_boxes_of_predict(
    client: TestClient, region_model: Path, dicom_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["predict", str(region_model), str(dicom_file), "--report", "--json"]) == 0
    predicted = json.loads(capsys.readouterr().out)[0]["report"]
    film = opened(client, dicom_file)
    answer = client.post(f"/api/films/{film}/report").json()["report"]
    assert_same(answer, predicted)
    assert any(one["boxes"] for one in answer["sentences"])
