"""Films that a server holds: what a browser gets of them, and that nothing stays behind."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from plainfilm.io import limits
from plainfilm.io.images import read_image, read_values
from plainfilm.predictor import Predictor
from plainfilm.serve import app
from tests.io.dicom.maker import film, write
from tests.serve.conftest import ADDRESS, client_with, opened


def test_the_facts_of_a_film(client: TestClient, dicom_file: Path) -> None:
    facts = client.get(f"/api/films/{opened(client, dicom_file)}").json()
    assert (facts["width"], facts["height"], facts["bits"], facts["view"]) == (100, 120, 12, "AP")
    assert (facts["name"], facts["spacing_mm"]) == ("chest.dcm", 0.2)


def test_the_display_picture_is_the_film_that_the_model_sees(client: TestClient, dicom_file: Path) -> None:
    answer = client.get(f"/api/films/{opened(client, dicom_file)}/display")
    shown = np.asarray(Image.open(io.BytesIO(answer.content)))
    assert np.array_equal(shown, read_image(dicom_file).array)


def test_values_at_the_window_of_the_file_are_the_display_picture(
    client: TestClient, dicom_file: Path
) -> None:
    film_id = opened(client, dicom_file)
    facts = client.get(f"/api/films/{film_id}").json()
    packed = client.get(f"/api/films/{film_id}/values").content
    values = np.frombuffer(zlib.decompress(packed), "<u2").reshape(facts["height"], facts["width"])
    grey = 255 * (values - facts["low"]) / (facts["high"] - facts["low"])
    difference = np.abs(np.clip(grey, 0, 255) - read_image(dicom_file).array)
    assert difference.max() < 1


def test_a_film_of_8_bits_has_no_other_values(client: TestClient, png_file: Path) -> None:
    answer = client.get(f"/api/films/{opened(client, png_file)}/values")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


def test_a_film_is_known_by_its_content_and_not_by_its_name(client: TestClient, dicom_file: Path) -> None:
    answer = client.post("/api/films", params={"name": "../../etc/x.png"}, content=dicom_file.read_bytes())
    assert (answer.json()["bits"], answer.json()["name"]) == (12, "x.png")


def test_a_film_that_is_removed_leaves_nothing(client: TestClient, png_file: Path) -> None:
    film_id = opened(client, png_file)
    folder = client.app.state.service.films.get(film_id).folder
    assert folder.is_dir()
    assert client.delete(f"/api/films/{film_id}").status_code == 204
    assert not folder.exists()
    assert client.get(f"/api/films/{film_id}").status_code == 404


def test_a_server_that_ends_leaves_nothing(predictor: Predictor, png_file: Path) -> None:
    application = app(predictor)
    root = application.state.service.films.root
    with TestClient(application, base_url=ADDRESS) as client:
        opened(client, png_file)
        assert root.is_dir()
    assert not root.exists()


@pytest.mark.parametrize("limit", [("MOST_FILMS_HELD", 2), ("MOST_BYTES_HELD", 40_000)])
def test_the_film_that_was_not_asked_about_for_longest_goes_first(
    limit: tuple[str, int], predictor: Predictor, dicom_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client_with(predictor) as client:
        first, second = (opened(client, dicom_file) for _ in range(2))
        client.get(f"/api/films/{first}")
        size = client.get(f"/api/films/{first}").json()["bytes_on_disk"]
        monkeypatch.setattr(limits, limit[0], limit[1] if limit[1] < 10 else int(2.5 * size))
        third = opened(client, dicom_file)
        assert [client.get(f"/api/films/{one}").status_code for one in (first, second, third)] == [
            200,
            404,
            200,
        ]


def test_a_film_that_nobody_asks_about_goes(
    predictor: Predictor, png_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with client_with(predictor) as client:
        film_id = opened(client, png_file)
        monkeypatch.setattr(limits, "SECONDS_A_FILM_IS_HELD", 0.0)
        assert client.get(f"/api/films/{film_id}").status_code == 404


class TestReference:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "films").mkdir()
        write(tmp_path / "films" / "a.dcm", film())
        write(tmp_path / "secret.dcm", film())
        (tmp_path / "films" / "out").symlink_to(tmp_path)
        return tmp_path / "films"

    def test_a_film_below_the_folder_is_opened(self, predictor: Predictor, folder: Path) -> None:
        with client_with(predictor, films=folder) as client:
            answer = client.post("/api/films/reference", json={"path": "a.dcm"})
            assert (answer.status_code, answer.json()["name"]) == (201, "a.dcm")
            client.delete(f"/api/films/{answer.json()['film_id']}")
        assert (folder / "a.dcm").is_file()

    @pytest.mark.parametrize(
        "path", ["../secret.dcm", "out/secret.dcm", "/etc/passwd", "none.dcm", ".", "a\0b"]
    )
    def test_nothing_else_is(self, predictor: Predictor, folder: Path, path: str) -> None:
        with client_with(predictor, films=folder) as client:
            for stated in (path, str(folder.parent / "secret.dcm")):
                answer = client.post("/api/films/reference", json={"path": stated})
                assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")

    def test_without_a_folder_there_is_none(self, client: TestClient) -> None:
        answer = client.post("/api/films/reference", json={"path": "a.dcm"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "refused")


def test_values_are_bright_where_the_film_is(tmp_path: Path) -> None:
    stored = film()
    for photometric, words in (("MONOCHROME2", stored), ("MONOCHROME1", 4095 - stored)):
        file = write(tmp_path / "f.dcm", words, PhotometricInterpretation=photometric)
        values = read_values(file)
        assert values is not None
        assert np.array_equal(values.values, stored)
