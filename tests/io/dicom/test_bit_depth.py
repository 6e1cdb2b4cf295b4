"""Bits and signs that a header states, against a film whose values are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from plainfilm.io.dicom.bit_depth import Reading, aligned, believed, is_doubtful, read
from plainfilm.io.images import read_image
from tests.io.dicom.maker import dataset, film, shown, write

pytest.importorskip("pydicom", reason="DICOM needs plainfilm[dicom]")


def with_overlay(words: NDArray[np.uint16], bit: int) -> NDArray[np.uint16]:
    drawn = words.copy()
    drawn[30:34, 20:80] |= np.uint16(1 << bit)
    drawn[10:110, 60:62] |= np.uint16(1 << bit)
    return drawn


def signed_film() -> NDArray[np.int16]:
    return film().astype(np.int16) - np.int16(1700)


def differs(path: Path, values: NDArray[Any]) -> int:
    return int(np.abs(read_image(path).array.astype(int) - shown(values).astype(int)).max())


@pytest.mark.parametrize("bits", [12, 13, 14, 16])
@pytest.mark.parametrize("bit", [12, 13, 15])
def test_an_overlay_in_the_upper_bits_does_not_count(tmp_path: Path, bits: int, bit: int) -> None:
    if bit < bits:
        return
    path = write(tmp_path / "a.dcm", with_overlay(film(), bit), BitsStored=bits, HighBit=bits - 1)
    assert differs(path, film()) <= 1
    assert read_image(path).flags == ()


@pytest.mark.parametrize("bit", [12, 14, 15])
def test_a_declared_overlay_does_not_count_where_bits_stored_counts_it(tmp_path: Path, bit: int) -> None:
    made = dataset(with_overlay(film(), bit), BitsStored=16, HighBit=15)
    made.add_new(0x60000102, "US", bit)
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert differs(tmp_path / "a.dcm", film()) <= 1


def test_a_declared_overlay_does_not_count_however_the_film_jumps(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    words = film() & 1023 | np.uint16(1 << 10) * rng.integers(0, 2, film().shape, np.uint16)
    made = dataset(words, BitsStored=10, HighBit=9)
    made.add_new(0x60000102, "US", 10)
    made.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert differs(tmp_path / "a.dcm", film() & 1023) <= 1


@pytest.mark.parametrize("stored", [8, 9, 10, 11])
@pytest.mark.parametrize("scale", [1, 4])
def test_more_bits_than_the_header_says(tmp_path: Path, stored: int, scale: int) -> None:
    words = film() * np.uint16(scale)
    path = write(tmp_path / "a.dcm", words, BitsStored=stored, HighBit=stored - 1)
    assert differs(path, words) <= 1
    assert read_image(path).flags == (f"its header says {stored} bits stored, its pixels have more",)


def test_values_below_zero_in_a_header_without_a_sign(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", signed_film(), BitsStored=16, HighBit=15, PixelRepresentation=0)
    assert differs(path, signed_film()) <= 1
    assert read_image(path).flags == ("its header says unsigned values, its pixels are signed",)


@pytest.mark.parametrize("bits", [12, 16])
def test_values_without_a_sign_in_a_header_with_one(tmp_path: Path, bits: int) -> None:
    words = film() << np.uint16(bits - 12)
    path = write(tmp_path / "a.dcm", words, BitsStored=bits, HighBit=bits - 1, PixelRepresentation=1)
    assert differs(path, words) <= 1
    assert read_image(path).flags == ("its header says signed values, its pixels are unsigned",)


@pytest.mark.parametrize("extended", [False, True])
def test_signed_values_with_and_without_sign_extension(tmp_path: Path, extended: bool) -> None:
    words = signed_film().view(np.uint16) & np.uint16(0xFFFF if extended else 0x1FFF)
    path = write(tmp_path / "a.dcm", words, BitsStored=13, HighBit=12, PixelRepresentation=1)
    assert differs(path, signed_film()) <= 1
    assert read_image(path).flags == ()


def test_bytes_in_the_other_order(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", film().byteswap(), BitsStored=16, HighBit=15)
    assert differs(path, film()) <= 1
    assert read_image(path).flags == ("its bytes are in the other order than its header says",)


@pytest.mark.parametrize("shift", [1, 4])
def test_values_in_the_highest_bits_and_a_header_that_only_says_so(tmp_path: Path, shift: int) -> None:
    high = 11 + shift
    path = write(tmp_path / "a.dcm", film() << np.uint16(shift), HighBit=high)
    assert differs(path, film()) <= 1
    assert differs(write(tmp_path / "b.dcm", film(), HighBit=high), film()) <= 1


def test_a_film_cut_to_8_bits_is_flagged(tmp_path: Path) -> None:
    cut = (film() & 255).astype(np.uint8)
    path = write(tmp_path / "a.dcm", cut, BitsAllocated=8, BitsStored=8, HighBit=7)
    assert read_image(path).flags == ("its values jump as if they were cut to 8 bits; look at the film",)


@pytest.mark.parametrize("padding", [65535, 63536, 32768])
def test_padding_and_lettering_are_no_reason_to_doubt(tmp_path: Path, padding: int) -> None:
    words = film()
    words[:, :12] = padding
    words[20:40:2, 40:60:3] = 65535
    for header in ({"PixelPaddingValue": padding}, {}):
        path = write(tmp_path / "a.dcm", words, BitsStored=16, HighBit=15, **header)
        assert read_image(path).flags == ()


def test_signed_padding_written_without_its_sign_is_no_reason_to_doubt(tmp_path: Path) -> None:
    values = film(121, 101).astype(np.int16) - 2048
    values[:, :8] = -2048
    path = write(tmp_path / "a.dcm", values & 0xFFF, PixelRepresentation=1, PixelPaddingValue=0x800)
    assert read_image(path).flags == ()


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_the_quick_look_counts_the_jumps_that_the_thorough_one_does(signed: bool, bits: int) -> None:
    rng = np.random.default_rng(bits)
    for share in (0.0, 0.0005, 0.002, 0.5):
        words = np.full((40, 300), 5, np.uint8 if bits == 8 else np.uint16)
        words[rng.random(words.shape) < share] = (1 << bits) - 1 if not signed else (1 << bits - 1) - 1
        words[:, 1::50] = 1 << (bits - 1) if share else 5
        stated = Reading(bits, signed)
        values = read(np.stack([words[:-1:2][:16], words[1::2][:16]]), stated)
        half = 1 << (bits - 1)
        jumps = (np.abs(np.diff(values[0])) > half).sum() + (np.abs(values[1] - values[0]) > half).sum()
        assert is_doubtful(words, stated) == (jumps > max(8, 0.001 * values.size))


def test_a_reading_is_kept_where_no_other_is_far_better() -> None:
    noise = np.random.default_rng(0).integers(0, 4096, (120, 100)).astype(np.uint16)
    stated = Reading(12, signed=False)
    assert believed(noise, stated, (Reading(12, True), Reading(16, False)))[0] == stated


def test_high_bits_below_the_stored_ones_are_not_believed() -> None:
    made = dataset(film(), HighBit=3)
    assert np.array_equal(aligned(made, film(), 12), film())
