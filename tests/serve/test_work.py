"""Work that is kept on the server: revisions, conflicts, and nothing of a person in the names of files."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from plainfilm.errors import DataError
from plainfilm.io import limits
from plainfilm.predictor import Predictor
from plainfilm.serve.work_store import WorkStore
from tests.serve.conftest import client_with

NAME = "Quuxley-Esmeralda"
SHA = "ab" * 32


def film(**changes: Any) -> dict[str, Any]:
    facts = {"sha256": SHA, "name": f"{NAME}.dcm", "width": 100, "height": 120, "patient": NAME}
    return facts | {"findings": [{"observation": "Edema", "probability": 0.25}], "sentences": []} | changes


def record(**changes: Any) -> dict[str, Any]:
    sentence = {"id": "a", "kind": "own", "text": "Clear lungs.", "state": "accepted"}
    films = [film(sentences=[sentence])]
    work = {"format": "plainfilm-work", "version": 1, "films": films, "model": {"name": "m"}}
    return {"work": work, "past": [[{"sha256": SHA, "film": film()}]], "future": []} | changes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "work"


@pytest.fixture
def keeping(predictor: Predictor, folder: Path) -> Iterator[TestClient]:
    with client_with(predictor, work=folder) as client:
        yield client


def kept(client: TestClient, **changes: Any) -> dict[str, Any]:
    answer = client.post("/api/work", json=record(**changes))
    assert answer.status_code == 201, answer.text
    return answer.json()


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_work_is_reopened_with_its_history_by_another_server(
    keeping: TestClient, predictor: Predictor, folder: Path
) -> None:
    facts = kept(keeping)
    with client_with(predictor, work=folder) as other:
        (listed,) = other.get("/api/work").json()
        stored = other.get(f"/api/work/{facts['work_id']}").json()
    assert listed == facts
    assert (facts["films"], facts["sentences"], facts["judged"]) == (1, 1, 1)
    (step,) = stored["past"]
    assert step[0]["film"]["sentences"] == []
    (saved,) = stored["work"]["films"]
    assert saved["sentences"][0]["text"] == "Clear lungs."
    assert saved["findings"] == film()["findings"]
    assert stored["work"]["model"] == {"name": "m"}


def test_a_revision_that_was_not_seen_is_not_overwritten(keeping: TestClient) -> None:
    first = kept(keeping)
    path = f"/api/work/{first['work_id']}"
    second = keeping.put(path, json=record(past=[]) | {"revision": first["revision"]}).json()
    assert second["revision"] != first["revision"]
    assert code(keeping.put(path, json=record() | {"revision": first["revision"]})) == (409, "conflict")
    assert code(keeping.delete(path, params={"revision": first["revision"]})) == (409, "conflict")
    assert keeping.get(path).json()["past"] == []
    assert keeping.delete(path, params={"revision": second["revision"]}).status_code == 204
    assert code(keeping.get(path)) == (404, "not_found")
    assert code(keeping.put(path, json=record() | {"revision": second["revision"]})) == (404, "not_found")


def test_two_who_save_at_once_do_not_both_win(folder: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from plainfilm.serve.problems import Problem

    stores = [WorkStore(folder) for _ in range(4)]
    facts = stores[0].create(record())

    def save(store: WorkStore) -> str:
        try:
            return store.replace(facts["work_id"], facts["revision"], record())["revision"]
        except Problem as problem:
            return problem.code

    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(save, stores))
    assert sum(one not in ("busy", "conflict") for one in codes) == 1


def test_nothing_of_a_person_is_in_names_of_files_or_in_the_log(
    keeping: TestClient, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="plainfilm.serve"):
        facts = kept(keeping)
        keeping.get("/api/work")
        keeping.get(f"/api/work/{facts['work_id']}")
    assert caplog.records
    assert NAME not in "".join(str(vars(one)) for one in caplog.records)
    (file,) = folder.iterdir()
    assert NAME not in file.name
    assert NAME in file.read_text()
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"work": {"format": "plainfilm-work", "version": 2, "films": []}},
        {"work": {"format": "plainfilm-work", "version": 1, "films": [film(sha256="../../etc")]}},
        {"past": [[{"sha256": SHA, "film": {"name": "x"}}]]},
        {"past": [[]] * (limits.MOST_STEPS + 1)},
        {"title": "x"},
    ],
)
def test_what_is_no_work_is_refused(keeping: TestClient, folder: Path, wrong: dict[str, Any]) -> None:
    assert code(keeping.post("/api/work", json=record(**wrong))) == (400, "bad_request")
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_kept_is_json_that_a_browser_reads(keeping: TestClient, number: float) -> None:
    content = json.dumps(record(work=record()["work"] | {"extra": number}))
    answer = keeping.post("/api/work", content=content, headers={"Content-Type": "application/json"})
    kept = keeping.get(f"/api/work/{answer.json()['work_id']}").text
    assert json.loads(kept, parse_constant=pytest.fail)["work"]["extra"] is None


def test_the_number_of_works_has_a_limit(keeping: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_WORKS", 1)
    kept(keeping)
    assert code(keeping.post("/api/work", json=record())) == (422, "not_possible")


def test_a_damaged_file_is_not_listed(keeping: TestClient, folder: Path) -> None:
    (folder / f"{'0' * 32}.work.json").write_bytes(b"{")
    (folder / "notes.txt").write_text("mine")
    facts = kept(keeping)
    assert keeping.get("/api/work").json() == [facts]


def test_without_a_folder_there_are_no_routes(client: TestClient) -> None:
    assert "work" not in client.get("/api/model").json()["offers"]
    assert code(client.get("/api/work")) == (404, "not_found")


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="--work"):
        WorkStore(tmp_path / "file")
