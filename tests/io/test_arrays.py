"""Arrays from files: pages that are left to the system are read again, and lose nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from plainfilm.io import arrays
from plainfilm.io.arrays import read_array, release

pytestmark = pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="not Linux")
VALUES = np.arange(1 << 20, dtype=np.float32).reshape(-1, 256)


def resident_kb(file: Path) -> int:
    """The memory of this process that belongs to a mapped file."""
    lines = iter(Path("/proc/self/smaps").read_text().splitlines())
    rss = [
        int(next(line for line in lines if line.startswith("Rss")).split()[1])
        for row in lines
        if str(file) in row
    ]
    return sum(rss)


@pytest.mark.parametrize("kept", [0, VALUES.nbytes * 2])
def test_only_pages_of_large_arrays_are_left(
    kept: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "KEPT_BYTES", kept)
    file = tmp_path / "values.npy"
    np.save(file, VALUES)
    mapped = read_array(file, np.float32, 2)
    assert mapped.sum() == VALUES.sum()
    before = resident_kb(file)
    release(mapped[10:20])
    assert before >= VALUES.nbytes // 1024
    assert resident_kb(file) == (before if kept else 0)
    assert np.array_equal(mapped, VALUES)


def test_what_was_written_to_a_mapped_array_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "KEPT_BYTES", 0)
    written = np.lib.format.open_memmap(tmp_path / "values.npy", "w+", np.float32, VALUES.shape)
    for start in range(0, len(VALUES), 1000):
        written[start : start + 1000] = VALUES[start : start + 1000]
        release(written)
    written.flush()
    assert np.array_equal(np.load(tmp_path / "values.npy"), VALUES)


def test_an_array_in_memory_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "KEPT_BYTES", 0)
    values = VALUES.copy()
    release(values)
    assert np.array_equal(values, VALUES)
