"""A server with several models: requests name the one that answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from plainfilm.bank import Bank
from plainfilm.predictor import Predictor
from plainfilm.predictor.documents import Questions
from plainfilm.serve import app
from plainfilm.serve.served_model import served
from tests.serve.conftest import ADDRESS, opened

PHRASE = "pleural effusion"


@pytest.fixture(scope="module")
def both(predictor: Predictor, other_predictor: Predictor, bank: Bank) -> Iterator[TestClient]:
    with TestClient(app(predictor, bank, others=[other_predictor]), base_url=ADDRESS) as made:
        yield made


@pytest.fixture(scope="module")
def names(both: TestClient) -> list[str]:
    facts = both.get("/api/model").json()
    return [facts["name"], *(one["name"] for one in facts["others"])]


def test_models_of_one_name_are_told_apart(names: list[str], predictor: Predictor) -> None:
    assert len(set(names)) == 2
    assert all(name.endswith(f"/{predictor.name}") for name in names)
    again = served([predictor, predictor], None)
    assert len({one.name for one in again}) == 2


def test_the_named_model_answers(
    both: TestClient, names: list[str], predictor: Predictor, other_predictor: Predictor, dicom_file: Path
) -> None:
    film = opened(both, dicom_file)
    for name, model in ((None, predictor), (names[0], predictor), (names[1], other_predictor)):
        answer = both.post(
            f"/api/films/{film}/locate", params={"model": name} if name else {}, json={"texts": [PHRASE]}
        )
        (expected,) = served([model], None)[0].answers(
            model.encode_film(dicom_file), "", Questions(find=[PHRASE])
        )["find"]
        boxes = answer.json()["find"][0]["boxes"]
        assert [box["score"] for box in boxes] == pytest.approx(
            [b["score"] for b in expected["boxes"]], abs=1e-4
        )


def test_each_model_encodes_a_film_once(both: TestClient, names: list[str], dicom_file: Path) -> None:
    film = opened(both, dicom_file)
    held = both.app.state.service.films.get(film)
    seen = []
    for name in [*names, *names]:
        both.post(f"/api/films/{film}/locate", params={"model": name}, json={"texts": [PHRASE]})
        seen.append(held.encoded[name])
    assert seen[:2] == seen[2:]
    assert seen[0] is not seen[1]


def test_the_bank_is_that_of_the_first_model(both: TestClient) -> None:
    facts = both.get("/api/model").json()
    assert "similar" in facts["offers"]
    assert "similar" not in facts["others"][0]["offers"]


def test_a_model_that_is_not_there_is_not_found(both: TestClient, dicom_file: Path) -> None:
    film = opened(both, dicom_file)
    for path in ("findings", "locate", "describe", "report", "map"):
        body = {
            "locate": {"texts": [PHRASE]},
            "describe": {"boxes": [{"x0": 1, "y0": 1, "x1": 9, "y1": 9}]},
            "map": {"text": PHRASE},
        }.get(path)
        answer = both.post(f"/api/films/{film}/{path}", params={"model": "none"}, json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found"), path
