from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from plainfilm.cli.main import run
from plainfilm.download import corpus_names
from plainfilm.seeding import generator
from tests.download.server import BASIC, PASSWORD, USER, Server, physionet

FILES = {
    "LICENSE.txt": b"Signed by nobody.\n",
    **{f"train/{number}.dicom": generator("download", number).bytes(1_500_000) for number in range(4)},
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    with physionet("vindr-cxr/1.0.0", FILES) as running:
        monkeypatch.setenv("PLAINFILM_PHYSIONET_URL", running.address)
        monkeypatch.setenv("PHYSIONET_USER", USER)
        monkeypatch.setenv("PHYSIONET_PW", PASSWORD)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        # A file of unknown size counts as large: the disk of whoever tests must not matter.
        monkeypatch.setattr("shutil.disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 0, 10**12))
        yield running


@pytest.fixture
def heeding_interrupts() -> Iterator[None]:
    """A job in the background is deaf to interrupts, and what it starts would be."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def start(raw: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "plainfilm", "download", "vindr_cxr", "--out", str(raw), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def parts(raw: Path) -> int:
    """Bytes of what has come and is not finished."""
    sizes = [file.stat().st_size for file in raw.glob("train/*.part") if file.exists()]
    return sum(sizes)


def wait_for_parts(raw: Path, process: subprocess.Popen[str]) -> None:
    while parts(raw) < 1_000_000:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def assert_complete(raw: Path) -> None:
    assert {path: (raw / path).read_bytes() for path in FILES} == FILES
    assert list(raw.glob("**/*.part*")) == []


def test_a_sentence_says_what_came(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["download", "vindr_cxr", "--out", str(tmp_path / "raw")]) == 0
    out, err = capsys.readouterr()
    assert out.endswith("5 files fetched (6.0 MB), 0 kept, 0 failed; checked: 5 by sha256\n")
    assert "terms: PhysioNet Credentialed Health Data Use Agreement 1.5.0" in err


def test_one_json_document(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["download", "vindr_cxr", "--out", str(tmp_path / "raw"), "--json", "--only", "*.txt"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {"source", "edition", "out", "agreement", "files", "fetched", "kept", "received"} < set(document)
    assert (document["files"], document["failed"], document["checked"]) == (1, [], {"sha256": 1})


def test_files_that_fail_are_counted_and_the_status_says_so(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del server.files["/files/vindr-cxr/1.0.0/train/2.dicom"]
    assert run(["download", "vindr_cxr", "--out", str(tmp_path / "raw"), "--json"]) == 2
    out, err = capsys.readouterr()
    assert [entry["path"] for entry in json.loads(out)["failed"]] == ["train/2.dicom"]
    assert "1 of 5 files could not be fetched, the first is train/2.dicom" in err


def test_a_list_shows_sizes(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["download", "vindr_cxr", "--list"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "      1,500,000  train/3.dicom",
        "5 files, 6.0 MB",
    ]


def test_a_list_as_json(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["download", "vindr_cxr", "--list", "--only", "tables", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["bytes"], document["unknown"]) == (len(FILES["LICENSE.txt"]), 0)


def test_without_a_source_all_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["download"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == corpus_names()
    assert run(["download", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == set(corpus_names())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["vindr"], "did you mean 'vindr_cxr'?"),
        (["vindr_cxr"], "plainfilm download vindr_cxr --out RAW"),
        (["vindr_cxr", "--out", "x", "--edition", "2"], "has no edition '2'"),
        (["chexpert"], "register at https://"),
        (["cgmh", "--out", "x"], "ask the authors"),
    ],
)
def test_errors_are_one_line(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["download", *arguments]) == 2
    out, err = capsys.readouterr()
    assert words in err
    assert (out, err.count("\n")) == ("", 1)


def test_listing_loads_no_client() -> None:
    code = (
        "import sys; from plainfilm.cli.main import run; status = run(['download']); "
        "sys.exit(status or 3 * bool({'httpx2', 'torch', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_killed_at_once_it_goes_on(server: Server, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    server.slowly = 0.05
    process = start(raw)
    wait_for_parts(raw, process)
    process.kill()
    process.communicate()
    left = parts(raw)
    assert left >= 1_000_000
    server.slowly = 0.0
    done = start(raw, "--json")
    out, err = done.communicate(timeout=120)
    assert done.returncode == 0, err
    assert_complete(raw)
    assert json.loads(out)["received"] <= sum(map(len, FILES.values())) - left


@pytest.mark.usefixtures("heeding_interrupts")
def test_interrupted_it_says_so_and_goes_on(server: Server, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    server.slowly = 0.05
    process = start(raw)
    wait_for_parts(raw, process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted: finished files and parts are kept; repeat the command to continue" in err
    assert "Traceback" not in err
    server.slowly = 0.0
    assert run(["download", "vindr_cxr", "--out", str(raw)]) == 0
    assert_complete(raw)


@pytest.mark.usefixtures("heeding_interrupts")
def test_an_interrupt_does_not_wait_for_a_silent_server(server: Server, tmp_path: Path) -> None:
    for number in range(4):
        server.trouble[f"/files/vindr-cxr/1.0.0/train/{number}.dicom"].silent = True
    process = start(tmp_path / "raw", "--timeout", "600", "--only", "*.txt", "--only", "train/*")
    while not (tmp_path / "raw" / "LICENSE.txt").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130


def test_secrets_are_in_no_command_line_and_no_output(server: Server, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    server.slowly = 0.02
    process = start(raw)
    wait_for_parts(raw, process)
    command_lines = [file.read_bytes() for file in _command_lines()]
    out, err = process.communicate(timeout=120)
    written = [file.read_bytes() for file in raw.glob(".plainfilm*")]
    for secret in (PASSWORD, BASIC, BASIC.removeprefix("Basic ")):
        assert secret not in out + err
        assert not any(secret.encode() in text for text in (*command_lines, *written))
    assert str(raw).encode() in b"".join(command_lines)


def _command_lines() -> Iterator[Path]:
    """The command line of every process of this machine."""
    proc = Path("/proc")
    if not proc.is_dir():
        pytest.skip("no /proc on this machine")
    yield from (process / "cmdline" for process in proc.iterdir() if process.name.isdigit())


def test_on_a_terminal_it_asks_and_shows_no_password(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PHYSIONET_USER")
    monkeypatch.delenv("PHYSIONET_PW")
    shown = _on_a_terminal(
        [sys.executable, "-m", "plainfilm", "download", "vindr_cxr", "--out", str(tmp_path / "raw")],
        {"User name on": USER, "Password of": PASSWORD},
    )
    assert f"Password of {USER} on 127.0.0.1" in shown
    assert PASSWORD not in shown
    assert_complete(tmp_path / "raw")


def _on_a_terminal(command: list[str], answers: dict[str, str]) -> str:
    """What a terminal shows of a command whose questions are answered."""
    import pty

    terminal, inner = pty.openpty()
    process = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, start_new_session=True)
    os.close(inner)
    shown = ""
    while True:
        try:
            shown += os.read(terminal, 4096).decode(errors="replace")
        except OSError:  # the end of a terminal, on Linux
            break
        for question in [question for question in answers if question in shown]:
            os.write(terminal, f"{answers.pop(question)}\n".encode())
    os.close(terminal)
    assert process.wait() == 0, shown
    return shown


def test_nobody_to_ask_is_said(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PHYSIONET_PW")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    assert run(["download", "vindr_cxr", "--out", str(tmp_path / "raw")]) == 2
    assert "set PHYSIONET_USER and PHYSIONET_PW, or write 'machine 127.0.0.1" in capsys.readouterr().err
