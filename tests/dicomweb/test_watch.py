"""`watch` against a real Orthanc: every film once, results asked back, both sides restarted."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from plainfilm.cli.main import run
from plainfilm.dicom_output.annotations import results_of_document
from plainfilm.dicom_output.predictions import algorithm_of
from plainfilm.dicom_output.read_report import report_of_dataset
from plainfilm.dicom_output.source_film import read_source_film
from plainfilm.dicomweb.archive import Archive
from plainfilm.dicomweb.watch import FIRST_PAUSE_S, Watcher
from plainfilm.dicomweb.watch_state import watch_state
from plainfilm.download.retry_policy import RetryPolicy
from plainfilm.predictor import Predictor, load
from plainfilm.predictor.documents import Questions, document
from plainfilm.types import View
from tests.dicom_output.films import film_file
from tests.dicom_output.region_model import save_region_model
from tests.dicomweb.orthanc import Orthanc, running

QUESTIONS = Questions(["pleural effusion"], [(10.0, 20.0, 60.0, 90.0)])
PROMPTS = {"Edema": (("edema",), ("no edema",))}
QUICK = RetryPolicy(attempts=2, first_wait_s=0.01)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    return load(save_region_model(tmp_path_factory.mktemp("models") / "region"))


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three studies of one film each."""
    folder = tmp_path_factory.mktemp("films")
    return [film_file(folder / f"{number}.dcm", **identity(number)) for number in range(3)]


def identity(number: int) -> dict[str, str]:
    return {
        "SOPInstanceUID": f"1.2.3.4.{number + 1}",
        "SeriesInstanceUID": f"1.2.3.3.{number + 1}",
        "StudyInstanceUID": f"1.2.3.2.{number + 1}",
    }


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[Orthanc]:
    (tmp_path / "orthanc").mkdir()
    with running(tmp_path / "orthanc") as server:
        yield server


@contextmanager
def watching(server: Orthanc, predictor: Predictor, state: Path, **changes: Any) -> Iterator[Watcher]:
    algorithm = algorithm_of(predictor, QUESTIONS, None)
    with watch_state(state, algorithm.key) as remembered:
        watcher = Watcher(
            archive=Archive(server.url, QUICK),
            state=remembered,
            algorithm=algorithm,
            answer=lambda paths: predictor.answer(paths, QUESTIONS, PROMPTS),
            since="20000101",
        )
        yield replace(watcher, **changes)


def said(server: Orthanc) -> dict[str, Any]:
    """Results by film, as the archive's reports have them."""
    reports = [report_of_dataset(one) for one in server.results()["structured report"]]
    found = [(uid, results) for report in reports for uid, results in report.films.items()]
    assert len(found) == len(dict(found)), "two reports about one film"
    return {
        uid: replace(results, annotations=tuple(replace(one, tracking_uid="") for one in results.annotations))
        for uid, results in found
    }


def expected(predictor: Predictor, paths: dict[str, Path]) -> dict[str, Any]:
    answers = predictor.answer(list(paths.values()), QUESTIONS, PROMPTS)
    return {uid: results_of_document(document(one)) for uid, one in zip(paths, answers, strict=True)}


def test_every_film_is_answered_once_and_read_back(
    orthanc: Orthanc, predictor: Predictor, films: list[Path], tmp_path: Path
) -> None:
    for path in films:
        orthanc.put(path)
    with watching(orthanc, predictor, tmp_path / "state") as watcher:
        assert watcher.once() == {"stored": 3, "skipped": 0, "failed": 0}
        assert orthanc.counts() == [3, 3, 3]
        by_uid = {f"1.2.3.4.{number + 1}": path for number, path in enumerate(films)}
        assert said(orthanc) == expected(predictor, by_uid)
        assert sum(watcher.once().values()) == 0
    with watching(orthanc, predictor, tmp_path / "lost state") as watcher:
        assert watcher.once() == {"stored": 3, "skipped": 0, "failed": 0}
    assert orthanc.counts() == [3, 3, 3]


def test_what_is_no_film_for_the_model_is_left(
    orthanc: Orthanc, predictor: Predictor, tmp_path: Path
) -> None:
    headers = [
        {"BodyPartExamined": "KNEE"},
        {"ViewPosition": "LL"},
        {"StudyDate": "19990101"},
        {"PixelData": b"", "Rows": 9},
    ]
    for number, header in enumerate(headers):
        orthanc.put(film_file(tmp_path / f"{number}.dcm", **identity(number), **header))
    with watching(orthanc, predictor, tmp_path / "state", views=(View.PA, View.AP)) as watcher:
        assert watcher.once() == {"stored": 0, "skipped": 3, "failed": 0}
        reasons = [watcher.state.of(f"1.2.3.4.{number}") for number in (1, 2, 3, 4)]
    assert "another part of the body ('knee')" in reasons[0].reason
    assert reasons[1].reason == "its view is LATERAL, which the model was not trained on"
    assert reasons[2] is None
    assert orthanc.counts() == [0, 0, 0]


def test_an_archive_that_says_stored_and_stores_nothing_is_found_out(
    orthanc: Orthanc,
    predictor: Predictor,
    films: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    orthanc.put(films[0])
    with watching(orthanc, predictor, tmp_path / "state") as watcher:
        monkeypatch.setattr(Archive, "store", lambda *_: None)
        assert watcher.once() == {"stored": 0, "skipped": 0, "failed": 1}
        known = watcher.state.of("1.2.3.4.1")
        assert known is not None
        assert "took the structured report and does not have it" in known.reason
        monkeypatch.undo()
        assert sum(watcher.once().values()) == 0, "it is tried again only after a pause"
        monkeypatch.setattr("time.time", lambda: known.at + FIRST_PAUSE_S + 1)
        assert watcher.once()["stored"] == 1
    assert orthanc.counts() == [1, 1, 1]


def test_results_that_are_partly_there_are_completed(
    orthanc: Orthanc,
    predictor: Predictor,
    films: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    orthanc.put(films[0])
    whole = Archive.store
    monkeypatch.setattr(Archive, "store", lambda self, study, made: whole(self, study, made[:1]))
    with watching(orthanc, predictor, tmp_path / "state") as watcher:
        assert watcher.once()["failed"] == 1
    monkeypatch.undo()
    with watching(orthanc, predictor, tmp_path / "another") as watcher:
        assert watcher.once()["stored"] == 1
    assert orthanc.counts() == [1, 1, 1]


def test_the_command_does_what_is_new_and_ends(
    orthanc: Orthanc,
    predictor: Predictor,
    films: list[Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    orthanc.put(films[0])
    words = ["watch", "--dicomweb", orthanc.url, "--model", str(predictor.folder), "--since", "20000101"]
    assert run([*words, "--once", "--state", str(tmp_path / "state")]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("1 films stored, 0 skipped, 0 failed; ")
    assert not any(word in said.out + said.err for word in ("Doe", "P77", "A77", "1.2.3"))


COMMAND = "from plainfilm.cli.main import main; main()"


def started(server: Orthanc, model: Path, state: Path) -> subprocess.Popen[bytes]:
    words = ["watch", "--dicomweb", server.url, "--model", str(model), "--state", str(state)]
    options = ["--since", "20000101", "--interval", "1", "--find", "pleural effusion"]
    return subprocess.Popen([sys.executable, "-c", COMMAND, *words, *options], stdout=subprocess.DEVNULL)


def wait_for(
    condition: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float = 1500.0
) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        assert process.poll() is None, "the watcher has ended"
        time.sleep(0.5)


@pytest.mark.slow
@pytest.mark.timeout(2400)
def test_fifty_studies_are_fifty_results_though_both_sides_are_killed(
    orthanc: Orthanc, predictor: Predictor, tmp_path: Path
) -> None:
    raw = tmp_path / "raw"
    assert run(["phantom", "dicom_folder", "--out", str(raw), "--studies", "50", "--size", "256"]) == 0
    paths = {}
    for folder in sorted(path for path in raw.glob("Phantom_*/*") if path.is_dir()):
        path = sorted(folder.glob("IM*"))[0]
        orthanc.put(path)
        paths[read_source_film(path).uid] = path
    assert len(paths) == 50
    assert predictor.folder is not None
    state = tmp_path / "state"

    def reports() -> int:
        return orthanc.counts()[0]

    process = started(orthanc, predictor.folder, state)
    try:
        wait_for(lambda: reports() >= 12, process)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process = started(orthanc, predictor.folder, state)
        wait_for(lambda: reports() >= 30, process)
        orthanc.kill()
        time.sleep(3)
        orthanc.start()
        wait_for(lambda: orthanc.counts() == [50, 50, 50], process)
        time.sleep(5)  # some more looks, that could write more
    finally:
        process.kill()
        process.wait()
    assert orthanc.counts() == [50, 50, 50]
    read, films = said(orthanc), list(paths)
    questions = Questions(["pleural effusion"])
    for uid, answers in zip(films, predictor.answer(list(paths.values()), questions, PROMPTS), strict=True):
        wanted = results_of_document(document(answers)).annotations
        for one, other in zip(read[uid].annotations, wanted, strict=True):
            assert (one.answer, one.name, one.sentence) == (other.answer, other.name, other.sentence)
            assert one.box == pytest.approx(other.box, abs=0.002)
            assert one.score == pytest.approx(other.score, abs=2e-6)


def test_an_archive_that_is_not_there_is_one_error_in_the_end(
    tmp_path: Path, predictor: Predictor, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("plainfilm.cli.watch._retries", lambda once: RetryPolicy(2, 0.01))
    words = [
        "watch",
        "--dicomweb",
        "http://127.0.0.1:9/dicom-web",
        "--model",
        str(predictor.folder),
        "--once",
    ]
    assert run([*words, "--state", str(tmp_path)]) == 2
    assert (
        "http://127.0.0.1:9/dicom-web: cannot be reached (ConnectionError), 2 times"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--dicomweb", "ftp://host/x"], "is no address of an archive"),
        (["--dicomweb", "http://me:secret@host/x"], "set PLAINFILM_DICOMWEB_AUTHORIZATION"),
        (["--dicomweb", "http://host/x", "--since", "yesterday"], "--since 'yesterday': is no day"),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["watch", *words, "--model", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert "secret" not in error
    assert error.count("\n") == 1
