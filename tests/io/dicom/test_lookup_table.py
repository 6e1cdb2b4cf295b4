"""Look-up tables in every form their elements take, against the table that was written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from plainfilm.io.dicom.lookup_table import LookupTable, lookup_table
from tests.io.dicom.maker import dataset, film

pytest.importorskip("pydicom", reason="DICOM needs plainfilm[dicom]")

LITTLE, BIG = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"


def entries(count: int, bits: int) -> NDArray[np.int64]:
    return np.rint(np.linspace(0, (1 << bits) - 1, count) ** 1.0).astype(np.int64)


def made(descriptor: Any, data: Any, syntax: str = LITTLE) -> LookupTable:
    header = dataset(film())
    header.file_meta.TransferSyntaxUID = syntax
    table = lookup_table(descriptor, data, header)
    assert table is not None
    return table


def words(values: NDArray[np.int64], order: str = "<") -> bytes:
    return values.astype(f"{order}u2").tobytes()


def packed(values: NDArray[np.int64], order: str = "<") -> bytes:
    """Two entries to a word, the first in its lower half."""
    data = values.astype(np.uint8).tobytes() + b"\0" * (len(values) % 2)
    return data if order == "<" else np.frombuffer(data, "<u2").byteswap().tobytes()


FORMS = {
    "US": lambda values, bits: values.tolist(),
    "SS": lambda values, bits: values.astype(np.uint16).view(np.int16).tolist(),
    "OW": lambda values, bits: words(values),
}


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
@pytest.mark.parametrize("count", [256, 4096, 65536])
def test_entries_are_unsigned_in_every_representation(form: Any, bits: int, count: int) -> None:
    wanted = entries(count, bits)
    table = made([count & 0xFFFF, 0, bits], form(wanted, bits))
    assert np.array_equal(table.entries, wanted)
    assert table.bits == bits


@pytest.mark.parametrize("count", [256, 4096, 65536, 4095, 255, 1])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("as_list", [False, True])
def test_entries_of_8_bits_may_lie_two_in_a_word(count: int, order: str, as_list: bool) -> None:
    wanted = np.maximum(entries(count, 8), 1)
    data: Any = packed(wanted, order)
    if as_list:
        data = np.frombuffer(data, f"{order}u2").tolist()
    table = made([count & 0xFFFF, 0, 8], data, LITTLE if order == "<" else BIG)
    assert np.array_equal(table.entries, wanted)


@pytest.mark.parametrize("count", [256, 65536])
def test_words_of_a_big_endian_file_are_big_endian(count: int) -> None:
    wanted = entries(count, 14)
    assert np.array_equal(made([count & 0xFFFF, 0, 14], words(wanted, ">"), BIG).entries, wanted)


def test_a_descriptor_in_bytes_is_read_as_words() -> None:
    descriptor = np.array([256, 0xFFF0, 12], "<u2").tobytes()
    table = made(descriptor, entries(256, 12).tolist())
    assert (table.first, table.bits, len(table.entries)) == (-16, 12, 256)


@pytest.mark.parametrize(
    ("promised", "held", "believed"),
    [
        *((16, 12, 12), (8, 12, 12), (12, 12, 12), (16, 15, 16), (0, 10, 10)),
        *((11, 12, 12), (13, 12, 13), (14, 12, 12), (1, 2, 2)),
    ],
)
def test_bits_that_the_entries_do_not_have_are_not_believed(promised: int, held: int, believed: int) -> None:
    assert made([64, 0, promised], entries(64, held).tolist()).bits == believed


def test_values_outside_get_the_nearest_entry() -> None:
    table = LookupTable(100, np.array([5, 6, 7]), 3)
    assert table(np.array([0, 99, 100, 101.4, 102, 103, 9999])).tolist() == [5, 5, 5, 6, 7, 7, 7]


@pytest.mark.parametrize(
    ("first", "values", "at"),
    [
        (40000 - 65536, range(65536), 40000),
        (40000, range(65536), 40000),
        (65036, range(-1000, 1000), -500),
        (-500, range(-1000, 1000), -500),
        (-500, range(100), -500),
    ],
    ids=["SS, unsigned pixels", "US", "US, signed pixels", "SS", "below all values"],
)
def test_the_first_value_has_the_sign_of_the_values(first: int, values: range, at: int) -> None:
    table = LookupTable(first, np.array([1, 2, 3, 4]), 3)
    shown = table(np.array(values))
    wanted = [np.clip(value - at, 0, 3) + 1 for value in values]
    assert shown.tolist() == wanted


@pytest.mark.parametrize(
    ("descriptor", "data"), [(None, [1]), ([3, 0, 8], None), ([3, 0], [1]), ("", [1]), ([3, 0, 8], b"")]
)
def test_what_is_no_table_is_none(descriptor: Any, data: Any) -> None:
    assert lookup_table(descriptor, data, dataset(film())) is None
