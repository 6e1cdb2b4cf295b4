from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from plainfilm.errors import DataError, UsageError
from plainfilm.io.files import replacing
from plainfilm.io.locks import LOCK, is_taken, writing, writing_file

HOLDER = """
import sys
from plainfilm.io import locks
with getattr(locks, sys.argv[2])(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""

CONTENDER = """
import os, sys
from plainfilm.errors import UsageError
from plainfilm.io.locks import writing
held = refused = 0
while held < 40:
    try:
        with writing(sys.argv[1]):
            alone = os.open(sys.argv[2], os.O_CREAT | os.O_EXCL)
            os.close(alone)
            os.unlink(sys.argv[2])
            held += 1
    except UsageError:
        refused += 1
"""


@contextmanager
def held_by_another(path: Path, how: str = "writing") -> Iterator[subprocess.Popen[str]]:
    """While open, another process holds the lock of a folder, or with `writing_file` of a file."""
    command = [sys.executable, "-c", HOLDER, str(path), how]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_writer_is_refused_and_told_of_the_first(tmp_path: Path) -> None:
    with held_by_another(tmp_path / "out") as first:
        message = rf"out: is being written by process {first.pid} on {platform.node()} since 20\d\d-"
        with pytest.raises(UsageError, match=message), writing(tmp_path / "out"):
            pass


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    with held_by_another(tmp_path / "out") as first:
        first.kill()
        first.wait()
        with writing(tmp_path / "out"):
            assert json.loads((tmp_path / "out" / LOCK).read_text())["process"] == os.getpid()


def test_nothing_is_left_of_a_lock(tmp_path: Path) -> None:
    with writing(tmp_path / "new" / "out"):
        assert not is_taken(tmp_path / "new" / "out")
    assert list(tmp_path.iterdir()) == []


def test_what_was_written_stays(tmp_path: Path) -> None:
    with writing(tmp_path / "new" / "out"):
        (tmp_path / "new" / "out" / "a").touch()
        assert is_taken(tmp_path / "new" / "out")
    assert [path.name for path in (tmp_path / "new" / "out").iterdir()] == ["a"]


def test_its_thread_may_take_it_again_and_no_other(tmp_path: Path) -> None:
    refused: list[str] = []

    def take() -> None:
        try:
            with writing(tmp_path):
                pass
        except UsageError as error:
            refused.append(str(error))

    with writing(tmp_path), writing(tmp_path):
        other = threading.Thread(target=take)
        other.start()
        other.join()
    assert len(refused) == 1
    take()
    assert len(refused) == 1


def test_by_another_path_it_is_the_same_folder(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    with held_by_another(tmp_path / "out"), pytest.raises(UsageError), writing(tmp_path / "link"):
        pass


def test_a_file_is_locked_beside_it(tmp_path: Path) -> None:
    with writing_file(tmp_path / "a.csv"), writing_file(tmp_path / "b.csv"), writing_file(None):
        assert {path.name for path in tmp_path.iterdir()} == {".a.csv.lock", ".b.csv.lock"}
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_folder_belongs(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    with pytest.raises(UsageError, match="is a file"), writing(tmp_path / "out"):
        pass
    with pytest.raises(DataError, match="cannot be written"), writing(tmp_path / "out" / "below"):
        pass


def test_who_takes_it_sweeps_what_the_dead_left(tmp_path: Path) -> None:
    (tmp_path / ".a.77@elsewhere.x.part").touch()
    (tmp_path / f".a.{os.getpid()}@{platform.node()}.x.part").touch()
    (tmp_path / ".b.part").touch()
    with writing(tmp_path), replacing(tmp_path / "a") as mine, writing(tmp_path):
        assert {path.name for path in tmp_path.glob(".*.part")} == {mine.name, ".b.part"}


@pytest.mark.parametrize("removed", [FileExistsError, FileNotFoundError])
def test_a_folder_that_is_removed_while_it_is_made_is_made_again(tmp_path, monkeypatch, removed) -> None:
    make, left = Path.mkdir, [True, False] * 3

    def made(self: Path, *given: object, **more: object) -> None:
        if left and left.pop():
            raise removed(17, "another command was there", str(self))
        make(self, *given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "mkdir", made)
    with writing(tmp_path / "new" / "out"):
        assert (tmp_path / "new" / "out" / LOCK).exists()
    assert not (tmp_path / "new").exists()


def test_many_at_once_are_never_two(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CONTENDER, str(tmp_path / "new" / "out"), str(tmp_path / "alone")]
    contenders = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [(one.wait(), one.communicate()[1]) for one in contenders] == [(0, "")] * 3
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
