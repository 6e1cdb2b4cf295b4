"""Files of arrays: plain numbers come out, everything else is refused before it is read."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from plainfilm.errors import ModelError
from plainfilm.io.array_files import is_array_file, read_arrays


def test_arrays_come_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **{"Transformer/x": np.arange(3.0), "y": np.ones((2, 2), np.float16)})
    arrays = read_arrays(tmp_path / "a.npz")
    assert sorted(arrays) == ["Transformer/x", "y"]
    np.testing.assert_array_equal(arrays["Transformer/x"], [0, 1, 2])


def test_other_zips_are_no_files_of_arrays(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as container:
        container.writestr("data.pkl", b"")
    assert not is_array_file(tmp_path / "a.npz")
    assert not is_array_file(tmp_path / "missing.npz")


@pytest.mark.parametrize("kind", [object, "U3", complex, "datetime64[s]"])
def test_only_plain_numbers_are_read(tmp_path: Path, kind: object) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(2, dtype=kind))
    with pytest.raises(ModelError, match="plain numbers"):
        read_arrays(tmp_path / "a.npz")


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros(100))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[300] ^= 1
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(ModelError, match=r"a.npz: damaged \(checksum of 'x.npy'\)"):
        read_arrays(tmp_path / "a.npz")


def test_a_header_that_lies_about_its_size_costs_no_memory(tmp_path: Path) -> None:
    header = (
        b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,), }"
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as container:
        container.writestr("x.npy", header.ljust(127) + b"\n" + bytes(16))
    with pytest.raises(ModelError, match="damaged"):
        read_arrays(tmp_path / "a.npz")
