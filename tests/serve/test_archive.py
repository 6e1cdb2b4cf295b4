"""Studies of a real archive are found and opened; no other address is ever asked."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from plainfilm.dicomweb.studies import listed_study
from plainfilm.errors import UsageError
from plainfilm.io import limits
from plainfilm.predictor import Predictor
from plainfilm.serve import ServerSettings, app
from tests.dicom_output.films import film_file
from tests.dicomweb.orthanc import Orthanc, running
from tests.serve.conftest import ADDRESS, client_with

NAME = "Quuxley"


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """An archive with two studies: two films and a knee; one film."""
    folder = tmp_path_factory.mktemp("orthanc")
    with running(folder) as server:
        headers = [
            {"StudyDate": "20260102", "ViewPosition": "PA"},
            {"StudyDate": "20260102", "ViewPosition": "LL"},
            {"StudyDate": "20260102", "Modality": "MR"},
            {"StudyDate": "20251224", "ViewPosition": "AP"},
        ]
        for number, header in enumerate(headers, start=1):
            study = "1.2.7.2" if number < 4 else "1.2.7.1"
            identity = {"SOPInstanceUID": f"1.2.7.9.{number}", "StudyInstanceUID": study}
            identity |= {"SeriesInstanceUID": f"{study}.{number}", "PatientName": f"{NAME}^Esmeralda"}
            server.put(film_file(folder / f"{number}.dcm", **identity, PatientID="Q-1", **header))
        yield server


@pytest.fixture(scope="module")
def clinic(predictor: Predictor, orthanc: Orthanc) -> Iterator[TestClient]:
    settings = ServerSettings(dicomweb=orthanc.url)
    with TestClient(app(predictor, settings=settings), base_url=ADDRESS) as client:
        yield client


def found(client: TestClient, **asked: str) -> list[str]:
    answer = client.post("/api/archive/studies", json=asked)
    assert answer.status_code == 200, answer.text
    return [one["study"] for one in answer.json()["studies"]]


def test_studies_are_found_by_patient_name_and_day(clinic: TestClient) -> None:
    assert found(clinic) == ["1.2.7.2", "1.2.7.1"]
    assert found(clinic, patient="Q-1", name=NAME[2:5]) == ["1.2.7.2", "1.2.7.1"]
    assert found(clinic, since="20260101") == ["1.2.7.2"]
    assert found(clinic, until="20260101") == ["1.2.7.1"]
    assert found(clinic, patient="Q") == []


def test_the_films_of_a_study_are_opened_and_others_are_named(clinic: TestClient) -> None:
    answer = clinic.post("/api/archive/films", json={"study": "1.2.7.2"}).json()
    assert sorted(film["view"] for film in answer["films"]) == ["LATERAL", "PA"]
    assert sorted(film["name"] for film in answer["films"]) == ["2026-01-02 LATERAL", "2026-01-02 PA"]
    held = answer["films"][0]["film_id"]
    assert clinic.post(f"/api/films/{held}/locate", json={"texts": ["effusion"]}).status_code == 200


def test_a_study_has_a_limit_of_films(clinic: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_FILMS_OF_A_STUDY", 1)
    answer = clinic.post("/api/archive/films", json={"study": "1.2.7.2"}).json()
    assert len(answer["films"]) == 1
    assert len(answer["left_out"]) == 1


@pytest.mark.parametrize(
    "study", ["../../system", "1.2.7.2/series", "1.2.7.2?a=b", "http://127.0.0.1:1/", "", "1" * 65]
)
def test_no_other_address_is_asked(clinic: TestClient, study: str) -> None:
    answer = clinic.post("/api/archive/films", json={"study": study})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")


@pytest.mark.parametrize("word", ["*", "?", "a\\b", "a\n"])
def test_a_search_takes_no_wildcards(clinic: TestClient, word: str) -> None:
    assert clinic.post("/api/archive/studies", json={"patient": word}).status_code == 400


def test_no_name_is_in_the_log(clinic: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    # The client of the archive logs identifiers, to nobody.
    assert not logging.getLogger("dicomweb_client").propagate
    with caplog.at_level(logging.DEBUG):
        found(clinic, name=NAME)
        clinic.post("/api/archive/films", json={"study": "1.2.7.1"})
    ours = [str(vars(one)) for one in caplog.records if one.name.startswith("plainfilm")]
    assert ours
    assert NAME not in "".join(ours)
    assert "1.2.7.1" not in "".join(ours)


def test_an_archive_that_is_not_there_is_said_so(predictor: Predictor) -> None:
    with client_with(predictor, dicomweb="http://127.0.0.1:9/dicom-web") as client:
        answer = client.post("/api/archive/studies", json={})
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "archive_failed")


def test_an_address_that_is_none_is_refused_at_the_start(predictor: Predictor) -> None:
    for address in ("file:///etc/passwd", "http://user:secret@host/"):
        with pytest.raises(UsageError, match="--dicomweb"):
            app(predictor, settings=ServerSettings(dicomweb=address))


def test_what_an_archive_does_not_say_is_empty() -> None:
    element = {"Value": ["1.2"]}
    name = {"Value": [{"Ideographic": "王^小明"}]}
    study = listed_study({"0020000D": element, "00100010": name, "00201208": {"Value": [3]}, "00080020": {}})
    assert study is not None
    assert (study.study, study.patient_name, study.objects, study.date) == ("1.2", "王 小明", 3, "")
    assert listed_study({"00080020": {"Value": ["20260101"]}}) is None
