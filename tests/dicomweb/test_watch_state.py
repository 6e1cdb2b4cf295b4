from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from plainfilm.dicomweb.watch_state import FILE, watch_state
from plainfilm.errors import DataError
from plainfilm.seeding import generator


def remembered(folder: Path) -> tuple[dict[str, int], list[Any]]:
    """What a state says of its films, in both ways of asking."""
    with watch_state(folder, "a") as state:
        return state.counts(), [(one, state.of(one)) for one in ("1.2", "1.3", "1.4")]


def outcome(folder: Path) -> tuple[str, list[Any]]:
    try:
        return "", remembered(folder)[1]
    except DataError as error:
        return str(error), []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with watch_state(tmp_path / "state", "a") as state:
        state.put("1.2", "stored")
        state.put("1.3", "failed", "an answer cannot be read")
        state.put("1.3", "failed", "an answer cannot be read")
    return tmp_path / "state"


def test_it_is_remembered_over_a_restart(folder: Path) -> None:
    counts, films = remembered(folder)
    assert counts == {"stored": 1, "failed": 1}
    assert [known and (known.outcome, known.attempts) for _, known in films] == [
        *(("stored", 1), ("failed", 2), None)
    ]


def test_a_changed_bit_is_named_or_forgets_at_most(folder: Path) -> None:
    whole, before = (folder / FILE).read_bytes(), dict(remembered(folder)[1])
    for place in generator("damage of a state").integers(0, len(whole), 250).tolist():
        changed = bytearray(whole)
        changed[place] ^= 1 << place % 8
        (folder / FILE).write_bytes(changed)
        problem, films = outcome(folder)
        assert problem == "" or problem.startswith(f"{folder / FILE}: cannot be used ("), place
        assert all(known in (None, before[film]) for film, known in films), place


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0", b"{}" * 4000])
def test_a_file_of_something_else(folder: Path, content: bytes) -> None:
    (folder / FILE).write_bytes(content)
    if content:
        with pytest.raises(DataError, match="remove it, and the archive is asked what it has"):
            remembered(folder)
    else:
        assert remembered(folder)[0] == {}


def test_a_table_of_another_shape(folder: Path) -> None:
    (folder / FILE).unlink()
    connection = sqlite3.connect(folder / FILE)
    connection.execute("CREATE TABLE film_states (film TEXT)")
    connection.close()
    with pytest.raises(DataError, match="remove it"):
        remembered(folder)
