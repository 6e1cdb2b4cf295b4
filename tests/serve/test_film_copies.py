"""The films of saved work are kept with it, once each, as long as some work needs them."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from plainfilm.io import limits
from plainfilm.predictor import Predictor
from plainfilm.serve.films import FilmStore
from plainfilm.serve.work_store import WorkStore
from plainfilm.sources import workbench
from plainfilm.types import Study
from tests.serve.conftest import client_with, opened


@pytest.fixture(scope="module")
def held(dicom_file: Path, png_file: Path) -> Iterator[FilmStore]:
    """A store that holds a DICOM file without a suffix, and a PNG file."""
    films = FilmStore()
    for file, suffix in ((dicom_file, ".dcm"), (png_file, "")):
        folder = films.new_folder()
        films.open(shutil.copy(file, folder / f"film{suffix}"), file.name, folder)
    yield films
    films.close()


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def record(*files: Path, past: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Work on films, with a step to undo that brings others back."""
    sentence = {"id": "1", "kind": "own", "text": "Clear.", "state": "accepted", "boxes": []}
    films = [
        {"sha256": digest(file), "name": "x", "width": 100, "height": 120, "sentences": [sentence]}
        for file in files
    ]
    work = {"format": "plainfilm-work", "version": 1, "films": films}
    return {"work": work, "past": [[{"sha256": digest(one), "film": None} for one in past]], "future": []}


def copies(folder: Path) -> dict[str, Path]:
    return {digest(file): file for file in (folder / "films").iterdir()}


def test_a_film_of_saved_work_is_opened_again_by_another_server(
    predictor: Predictor, dicom_file: Path, tmp_path: Path
) -> None:
    asked = {"sha256": digest(dicom_file), "name": "../chest.dcm"}
    with client_with(predictor, work=tmp_path) as client:
        assert client.post("/api/films/kept", json=asked).status_code == 404
        first = client.get(f"/api/films/{opened(client, dicom_file)}").json()
        assert client.post("/api/films/kept", json=asked).json() == first  # it is held
        assert client.post("/api/work", json=record(dicom_file)).json()["kept"] == 1
    with client_with(predictor, work=tmp_path) as other:
        again = other.post("/api/films/kept", json=asked)
        assert again.status_code == 201
        assert again.json() | {"film_id": ""} == first | {"film_id": ""}
        picture = f"/api/films/{again.json()['film_id']}/values"
        assert other.get(picture).status_code == 200
        (facts,) = other.get("/api/work").json()
        path = f"/api/work/{facts['work_id']}"
        assert other.delete(path, params={"revision": facts["revision"]}).status_code == 204
        assert other.get(picture).status_code == 200  # the film that is open needs no copy
        assert copies(tmp_path) == {}


def test_copies_lie_there_once_and_only_their_owner_reads_them(
    held: FilmStore, dicom_file: Path, png_file: Path, tmp_path: Path
) -> None:
    store = WorkStore(tmp_path / "work", held)
    for _ in range(2):
        assert store.create(record(dicom_file, png_file))["kept"] == 2
    found = copies(tmp_path / "work")
    assert set(found) == {digest(dicom_file), digest(png_file)}
    assert all(file.stem == name for name, file in found.items())
    assert all(file.stat().st_mode & 0o077 == 0 for file in (*found.values(), tmp_path / "work" / "films"))


def test_a_copy_goes_with_the_last_work_or_step_that_needs_it(
    held: FilmStore, dicom_file: Path, png_file: Path, tmp_path: Path
) -> None:
    store, other = WorkStore(tmp_path, held), WorkStore(tmp_path)
    one, two = store.create(record(dicom_file, png_file)), store.create(record(dicom_file))
    one = store.replace(one["work_id"], one["revision"], record(png_file, past=(dicom_file,)))
    other.remove(two["work_id"], two["revision"])
    assert len(copies(tmp_path)) == 2  # a step to undo brings it back
    one = other.replace(one["work_id"], one["revision"], record(png_file))
    assert set(copies(tmp_path)) == {digest(png_file)}
    (tmp_path / "films" / ".half.part").write_bytes(b"x")  # of a killed process
    other.remove(one["work_id"], one["revision"])
    assert copies(tmp_path) == {}


def test_work_is_saved_without_a_film_that_finds_no_room(
    held: FilmStore, dicom_file: Path, png_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    largest = max(file.stat().st_size for file in (dicom_file, png_file))
    monkeypatch.setattr(limits, "MOST_BYTES_KEPT", largest)
    facts = WorkStore(tmp_path, held).create(record(dicom_file, png_file))
    assert (facts["films"], facts["kept"]) == (2, 1)
    assert sum(file.stat().st_size for file in copies(tmp_path).values()) <= largest


def test_a_film_that_was_changed_since_it_was_opened_is_not_kept(
    held: FilmStore, png_file: Path, tmp_path: Path
) -> None:
    films = FilmStore()
    try:
        film = films.open(shutil.copy(png_file, tmp_path / "film"), "x", films.new_folder())
        film.file.write_bytes(b"another")
        assert WorkStore(tmp_path / "work", films).create(record(png_file))["kept"] == 0
        assert copies(tmp_path / "work") == {}
    finally:
        films.close()


def test_films_are_not_kept_where_nobody_wants_it(
    predictor: Predictor, png_file: Path, tmp_path: Path
) -> None:
    with client_with(predictor, work=tmp_path, keep_films=False) as client:
        opened(client, png_file)
        assert client.post("/api/work", json=record(png_file)).json()["kept"] == 0
        assert "kept_films" not in client.get("/api/model").json()["offers"]
    assert not (tmp_path / "films").exists()


@pytest.mark.parametrize("sha256", ["../../etc/passwd", "ab" * 31, ""])
def test_only_digests_are_names(predictor: Predictor, tmp_path: Path, sha256: str) -> None:
    client: TestClient = client_with(predictor, work=tmp_path)
    assert client.post("/api/films/kept", json={"sha256": sha256}).status_code == 400


def test_the_folder_of_a_server_is_prepared_as_it_is(
    held: FilmStore, dicom_file: Path, png_file: Path, tmp_path: Path
) -> None:
    WorkStore(tmp_path, held).create(record(dicom_file, png_file))
    studies = [one for one in workbench.read(tmp_path, workbench.Config()) if isinstance(one, Study)]
    assert {digest(study.images[0].path) for study in studies} == {digest(dicom_file), digest(png_file)}
    assert all(study.report and study.report.text == "Clear." for study in studies)
