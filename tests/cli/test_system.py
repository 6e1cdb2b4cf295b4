"""Standard streams that are closed, full or of another encoding, and errors of the operating system."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from plainfilm.cli.main import run
from plainfilm.cli.system import os_message

PLAINFILM = [sys.executable, "-m", "plainfilm"]


def shell(redirection: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command line under a shell that redirects its streams; the status is that of plainfilm."""
    script = f'"$@" {redirection}; exit ${{PIPESTATUS[0]}}'
    return subprocess.run(
        ["bash", "-c", script, "bash", *PLAINFILM, *arguments],
        capture_output=True,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize(
    ("redirection", "status"),
    [
        (">&-", 0),
        ("2>&-", 0),
        ("<&-", 0),
        (">&- 2>&- <&-", 0),
        (">/dev/full", 2),
        (">/dev/full 2>/dev/full", 2),
        ("| true", 141),
        ("2>&1 | true", 141),
    ],
)
def test_a_stream_that_takes_nothing_gives_the_documented_status(redirection: str, status: int) -> None:
    done = shell(redirection, "prompts", "show", "cxr")
    assert done.returncode == status
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr


def test_a_closed_stream_is_not_mixed_into_a_file(tmp_path: Path) -> None:
    code = (
        "import os; from plainfilm.cli.system import standard_streams; standard_streams();"
        f"file = open({str(tmp_path / 'table')!r}, 'w'); os.write(2, b'noise'); print(file.fileno() > 2)"
    )
    done = subprocess.run(
        ["bash", "-c", '"$@" 2>&-', "bash", sys.executable, "-c", code], capture_output=True
    )
    assert done.stdout == b"True\n"
    assert (tmp_path / "table").read_bytes() == b""


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_characters_that_the_terminal_lacks_are_replaced(encoding: str) -> None:
    done = shell("", "prompts", "show", "cgmh-zh-TW", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")


def test_json_is_whole_in_any_encoding() -> None:
    texts = [
        json.loads(
            shell("", "prompts", "show", "cgmh-zh-TW", "--json", PYTHONIOENCODING=one).stdout.decode(one)
        )
        for one in ("ascii", "utf-8")
    ]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_error_of_the_system_is_named(number: int) -> None:
    message = os_message(OSError(number, os.strerror(number), "folder/file"))
    assert message.startswith("folder/file: ")
    assert errno.errorcode[number] in message


def test_a_text_where_a_path_belongs_is_one_short_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", "no pleural effusion " * 300]) == 2
    line = capsys.readouterr().err
    assert "ENAMETOOLONG" in line
    assert len(line) < 500


def test_an_interrupt_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("plainfilm.collection.info.info", interrupted)
    monkeypatch.setattr("plainfilm.collection.Collection.open", interrupted)
    assert run(["info", "x"]) == 130
    assert capsys.readouterr().err.startswith("plainfilm: interrupted")


@pytest.mark.slow
def test_what_torchrun_reports_ends_in_our_line(tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "plainfilm"]
    arguments = ["train", "no-such-recipe", "--data", str(tmp_path), "--out", str(tmp_path / "run")]
    done = subprocess.run([*launch, *arguments], capture_output=True, text=True)
    report = done.stderr.partition("Root Cause")[2]
    assert done.returncode == 1
    assert "unknown recipe 'no-such-recipe'" in report
    assert "To enable traceback" not in report
