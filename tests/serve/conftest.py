"""A region model that locates, describes and writes reports, a bank, and a server in process with both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from plainfilm.bank import Bank
from plainfilm.cli.main import run
from plainfilm.predictor import Predictor, load
from plainfilm.predictor.grounded_report import ReportPrompts
from plainfilm.serve import ServerSettings, app
from plainfilm.sources.common.region_names import REGIONS
from tests.dicom_output.films import film_file
from tests.dicom_output.region_model import save_region_model

ADDRESS = "http://localhost"


@pytest.fixture(scope="session")
def known_texts(small_world) -> list[str]:
    """The small world's texts, and the names of findings and regions."""
    prompts = ReportPrompts()
    names = [*prompts.findings, *prompts.regions, *REGIONS]
    asked = [*names, *(f"No {name.lower()}" for name in prompts.findings)]
    return [*small_world.table("sentences")["text"].to_pylist(), *asked * 3]


@pytest.fixture(scope="session")
def region_model(tmp_path_factory: pytest.TempPathFactory, known_texts: list[str]) -> Path:
    """The folder of an untrained region model that reads and writes the known texts."""
    folder = tmp_path_factory.mktemp("region models") / "tiny-region"
    return save_region_model(folder, known_texts, 640, seed=2)  # which is sure of a box in its reports


@pytest.fixture(scope="session")
def other_predictor(tmp_path_factory: pytest.TempPathFactory, known_texts: list[str]) -> Predictor:
    """A model with other weights, of the same name."""
    folder = tmp_path_factory.mktemp("other models") / "tiny-region"
    return load(save_region_model(folder, known_texts, 640, seed=3))


@pytest.fixture(scope="session")
def predictor(region_model: Path) -> Predictor:
    return load(region_model)


@pytest.fixture(scope="session")
def bank(region_model: Path, small_world, tmp_path_factory: pytest.TempPathFactory) -> Bank:
    folder = tmp_path_factory.mktemp("banks") / "sentences"
    words = ["embed", str(region_model), str(small_world.path), "--what", "sentences", "--out", str(folder)]
    assert run(words) == 0
    return Bank.open(folder)


@pytest.fixture(scope="module")
def client(predictor: Predictor, bank: Bank) -> Iterator[TestClient]:
    """A client of a server with all that the region model and a bank allow."""
    with TestClient(app(predictor, bank), base_url=ADDRESS) as made:
        yield made


@pytest.fixture(scope="session")
def dicom_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A film of 12 bits, 100 pixels wide and 120 high, with a window and a pixel spacing."""
    facts = {"WindowCenter": "2000", "WindowWidth": "3000", "PixelSpacing": ["0.2", "0.2"]}
    return film_file(tmp_path_factory.mktemp("dicom") / "chest.dcm", ViewPosition="AP", **facts)


@pytest.fixture(scope="session")
def png_file(small_world) -> Path:
    """A stored film of the small world."""
    return next(path for path in sorted((small_world.path / "images").rglob("*.*")) if path.is_file())


def client_with(predictor: Predictor, **settings: object) -> TestClient:
    """A client of a server of its own, to be closed by the test."""
    return TestClient(app(predictor, settings=ServerSettings(**settings)), base_url=ADDRESS)


def opened(client: TestClient, file: Path) -> str:
    """The id of a film that was uploaded."""
    answer = client.post("/api/films", params={"name": file.name}, content=file.read_bytes())
    assert answer.status_code == 201, answer.text
    return answer.json()["film_id"]
