"""What is kept on disk while a command runs is what was put there, and room that runs out is told."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from plainfilm.errors import DataError
from plainfilm.io.scratch import DiskDict, DiskParts, DiskSet, Scratch

ODD = ["", "No effusion.", "Épanchement à gauche — 左侧", "lone \ud800 surrogate", "a\nb\r\nc\0", "None"]


def test_a_key_keeps_its_first_value() -> None:
    kept = DiskDict()
    assert [kept.setdefault(text, number) for number, text in enumerate(ODD)] == [*range(len(ODD))]
    assert [kept.setdefault(text, -1) for text in ODD] == [*range(len(ODD))]
    assert (len(kept), kept.get("other"), "other" in kept, "" in kept) == (len(ODD), None, False, True)


@pytest.mark.parametrize("text", ODD)
def test_values_may_be_texts(text: str) -> None:
    kept = DiskDict()
    assert kept.setdefault("key", text) == text
    assert kept.setdefault("key", "another") == text


def test_texts_are_new_once() -> None:
    known = DiskSet()
    assert [known.add(text) for text in [*ODD, *ODD]] == [True] * len(ODD) + [False] * len(ODD)
    assert (len(known), ODD[3] in known, "other" in known) == (len(ODD), True, False)


def test_room_that_runs_out_is_told_with_a_way_out() -> None:
    scratch = Scratch("CREATE TABLE texts (text)")
    scratch.execute("PRAGMA max_page_count = 20")
    full = r"temporary files cannot be written \(database or disk is full\).*TMPDIR"
    with pytest.raises(DataError, match=full):
        scratch.execute("INSERT INTO texts VALUES (?)", ("x" * 400_000,))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are not listed here")
def test_more_than_its_cache_is_in_a_file_that_goes_with_its_owner() -> None:
    def open_files() -> int:
        gc.collect()
        return len([*Path("/proc/self/fd").iterdir()])

    before = open_files()
    scratch = Scratch("CREATE TABLE texts (text)")
    for _ in range(1000):
        scratch.execute("INSERT INTO texts VALUES (?)", ("x" * 4000,))
    assert scratch.value("SELECT SUM(LENGTH(text)) FROM texts") == 4_000_000
    assert open_files() == before + 1
    del scratch
    assert open_files() == before


def test_parts_have_their_records_in_the_order_added() -> None:
    parts = DiskParts(np.dtype([("number", np.int64), ("sign", np.int8)]), 3)
    numbers = np.arange(20)
    for block in np.split(numbers, [5, 5, 12]):
        records = np.empty(len(block), [("number", np.int64), ("sign", np.int8)])
        records["number"], records["sign"] = block, -1
        parts.add(records, block % 3)
    assert len(parts) == 3
    assert [part["number"].tolist() for part in parts] == [numbers[place::3].tolist() for place in range(3)]
    assert {sign for part in parts for sign in part["sign"].tolist()} == {-1}


def test_parts_without_room_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = DiskParts(np.dtype(np.int64), 1)

    class Full:
        def write(self, _: bytes) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(parts, "_files", [Full()])
    with pytest.raises(DataError, match="TMPDIR"):
        parts.add(np.arange(3), np.zeros(3, np.int64))


@pytest.mark.parametrize(("made", "error"), [("no folder", 2), ("too many open files", 24)])
def test_temporary_files_that_cannot_be_made_are_told(
    made: str, error: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise OSError(error, made)

    monkeypatch.setattr("plainfilm.io.scratch.tempfile.TemporaryFile", refuse)
    with pytest.raises(DataError, match=f"{made}.*TMPDIR"):
        DiskParts(np.dtype(np.int64), 2)


FULL = """
import resource, sys
import numpy as np, pandas as pd
from plainfilm.errors import DataError
from plainfilm.io.scratch import DiskParts
from plainfilm.io.spilled import SpilledTable
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
count = int(sys.argv[1])
def parts():
    kept = DiskParts(np.dtype(np.int64), 2)
    kept.add(np.zeros(count, np.int64), np.zeros(count, np.int64))
    list(kept)
for fill in (parts, lambda: SpilledTable().add(pd.DataFrame({"a": np.zeros(count)}))):
    try:
        fill()
    except DataError as error:
        print(error)
"""


@pytest.mark.parametrize("count", [100, 100_000])
def test_a_full_disk_is_one_line_and_nothing_beside_it(count: int) -> None:
    pytest.importorskip("resource")
    command = [sys.executable, "-X", "dev", "-c", FULL, str(count)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stderr == ""
    assert [line.count("TMPDIR") for line in done.stdout.splitlines()] == [1, 1]
