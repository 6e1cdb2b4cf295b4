"""Who may ask, how often and how much; and one shape of error whatever happens."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from plainfilm.errors import UsageError
from plainfilm.io import limits
from plainfilm.predictor import Predictor
from plainfilm.serve import ServerSettings
from plainfilm.serve.guard import SECURITY_HEADERS
from plainfilm.serve.problems import STATUSES
from tests.serve.conftest import client_with, opened

TOKEN = "a-token-of-this-test"


def code(answer) -> str:
    """The code of an error, whose body has the one shape."""
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "message"}
    assert answer.status_code == STATUSES[answer.json()["error"]["code"]]
    return answer.json()["error"]["code"]


def test_every_answer_has_the_security_headers(client: TestClient) -> None:
    for path in ("/", "/page/main.js", "/api/model", "/nothing", "/healthz"):
        headers = client.get(path).headers
        assert {name: headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_the_policy_allows_no_inline_code_and_no_other_site() -> None:
    policy = SECURITY_HEADERS["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert not re.search(r"unsafe|https?:|\*|data:", policy)


def test_another_address_needs_a_token() -> None:
    with pytest.raises(UsageError, match="PLAINFILM_TOKEN"):
        ServerSettings(host="0.0.0.0").check()
    ServerSettings(host="0.0.0.0", token=TOKEN).check()
    for local in ("127.0.0.1", "127.0.1.9", "::1", "localhost"):
        ServerSettings(host=local).check()


def test_without_the_token_nothing_is_told(predictor: Predictor) -> None:
    with client_with(predictor, token=TOKEN) as client:
        for path in ("/api/model", "/api/films", "/metrics", "/openapi.json", f"/api/films/{'0' * 32}"):
            assert code(client.get(path)) == "token_missing"
            assert code(client.get(path, headers={"Authorization": f"Bearer {TOKEN}x"})) == "token_missing"
        assert client.get("/api/model", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert client.get("/").status_code == client.get("/healthz").status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8000", "[::1", "localhost.evil.example", ""])
def test_another_host_name_is_refused(client: TestClient, host: str) -> None:
    assert code(client.get("/api/model", headers={"Host": host})) == "refused"


def test_a_page_of_another_site_is_refused(client: TestClient) -> None:
    assert code(client.post("/api/films", headers={"Origin": "http://evil.example"})) == "refused"
    assert client.get("/api/model", headers={"Origin": "http://localhost"}).status_code == 200


def test_too_many_requests_are_refused(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_REQUESTS", 5)
    with client_with(predictor) as client:
        answers = [client.get("/healthz") for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]
    assert answers[-1].headers["Retry-After"]


@pytest.mark.parametrize("is_stated", [True, False])
def test_a_film_that_is_too_large_is_refused(
    is_stated: bool, predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LARGEST_FILE", 1000)
    body = b"x" * 1001 if is_stated else iter([b"x" * 600] * 2)
    with client_with(predictor) as client:
        assert code(client.post("/api/films", content=body)) == "too_large"
        assert list(client.app.state.service.films.root.iterdir()) == []


def test_a_question_that_is_too_large_is_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LARGEST_QUESTION", 100)
    body = iter([json.dumps({"text": "x" * 200}).encode()])
    assert code(client.post("/api/similar", content=body)) == "too_large"


def test_a_request_that_does_not_arrive_is_ended(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "SECONDS_TO_RECEIVE", 0.0)
    with client_with(predictor) as client:
        assert code(client.post("/api/films", content=b"x")) == "too_slow"


def test_every_route_answers_wrong_questions_in_one_shape(client: TestClient) -> None:
    schema = client.get("/openapi.json").json()
    for path, methods in schema["paths"].items():
        wrong = path.replace("{film_id}", "0" * 32).replace("{job_id}", "0" * 16)
        for method in methods:
            answer = client.request(method, wrong, content=b"\x00{" if method == "post" else None)
            if answer.status_code >= 400:
                code(answer)
        code(client.request("PATCH", wrong))


def test_every_error_of_the_schema_is_the_one_shape(client: TestClient) -> None:
    for methods in client.get("/openapi.json").json()["paths"].values():
        for route in methods.values():
            for status, answer in route["responses"].items():
                if status.startswith(("4", "5")):
                    assert "ErrorDocument" in json.dumps(answer), (route["operationId"], status)


def test_a_defect_tells_nothing_of_what_was_asked(
    predictor: Predictor, png_file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    secret = "Mrs Esmeralda Quuxley"

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError(secret)

    with client_with(predictor) as client:
        client._transport.raise_server_exceptions = False
        film = opened(client, png_file)
        monkeypatch.setattr(predictor, "locate", broken)
        with caplog.at_level("INFO", logger="plainfilm.serve"):
            answer = client.post(f"/api/films/{film}/locate", json={"texts": [secret]})
    assert code(answer) == "internal"
    noted = json.dumps(
        [vars(record) for record in caplog.records if record.name == "plainfilm.serve"], default=str
    )
    assert "RuntimeError" in noted
    assert "Quuxley" not in answer.text + noted
