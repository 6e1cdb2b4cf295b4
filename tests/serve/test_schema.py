"""Whatever the schema allows, and much that it does not: no request makes the server fail."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from plainfilm.bank import Bank
from plainfilm.io import limits
from plainfilm.predictor import Predictor
from plainfilm.serve import ServerSettings, app
from tests.dicom_output.films import film_file
from tests.dicomweb.orthanc import executable, running
from tests.serve.conftest import ADDRESS, opened

EXAMPLES = 30
STUDY = "1.2.7.1"


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[str | None]:
    """The address of Orthanc with a study of one film; `None` where it is not installed."""
    if executable() is None:
        yield None
        return
    with running(tmp_path) as server:
        server.put(film_file(tmp_path / "a.dcm", StudyInstanceUID=STUDY, PatientID="Q-1"))
        yield server.url


@pytest.mark.slow
def test_no_request_makes_the_server_fail(
    predictor: Predictor,
    other_predictor: Predictor,
    bank: Bank,
    dicom_file: Path,
    archive: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import schemathesis
    from fastapi.testclient import TestClient
    from hypothesis import HealthCheck, given, settings
    from schemathesis.specs.openapi import checks

    monkeypatch.setattr(limits, "MOST_REQUESTS", 1_000_000)
    served = ServerSettings(work=tmp_path / "work", films=dicom_file.parent, dicomweb=archive)
    application = app(predictor, bank, served, [other_predictor])
    other = application.state.service.models[1].name
    schema = schemathesis.openapi.from_dict(application.openapi())
    failed: list[str] = []
    with TestClient(application, base_url=ADDRESS, raise_server_exceptions=False) as client:
        film, digest = opened(client, dicom_file), hashlib.sha256(dicom_file.read_bytes()).hexdigest()
        for found in schema.get_all_operations():
            operation, count = found.ok(), 0

            @settings(max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy())
            def ask(case: schemathesis.Case) -> None:
                nonlocal count
                count += 1
                if "film_id" in case.path_parameters and count % 2 and case.method != "DELETE":
                    case.path_parameters["film_id"] = film  # one that is held
                if "model" in case.query and count % 3 == 0:
                    case.query["model"] = other
                if isinstance(case.body, dict) and case.path.startswith("/api/archive/films") and count % 2:
                    case.body["study"] = STUDY
                if isinstance(case.body, dict) and case.path == "/api/films/kept" and count % 2:
                    case.body["sha256"] = digest
                if isinstance(case.body, dict) and case.path.startswith("/api/export") and count % 2:
                    for saved in case.body["films"][:1]:
                        saved["sha256"] = digest
                request = case.as_transport_kwargs(base_url=ADDRESS)
                del request["cookies"]  # there are none, and the client warns of the argument
                if "data" in request:
                    request["content"] = request.pop("data")
                answer = client.request(**request)
                if answer.status_code >= 500:
                    failed.append(f"{case.method} {case.path}: {answer.status_code} {answer.text[:200]}")
                else:
                    case.validate_response(answer, checks=[checks.response_schema_conformance])

            ask()
            assert count >= 1
    assert failed == []
