"""Small files that would become millions of objects or gigabytes."""

from __future__ import annotations

import zlib
from io import BytesIO
from pathlib import Path

import pytest

from plainfilm.errors import ImageError
from plainfilm.io import limits
from plainfilm.io.dicom.safe_stream import safe_stream
from plainfilm.io.images import read_image
from plainfilm.sources.common.dicom_records import read_record
from tests.io.dicom.maker import dataset, film

pytest.importorskip("pydicom", reason="DICOM needs plainfilm[dicom]")

DEFLATED = "1.2.840.10008.1.2.1.99"
ITEM, UNDEFINED, END = b"\xfe\xff\x00\xe0\0\0\0\0", b"\xff\xff\xff\xff", b"\xfe\xff\xdd\xe0\0\0\0\0"


def saved(syntax: str = "1.2.840.10008.1.2.1") -> bytes:
    made = dataset(film())
    made.file_meta.TransferSyntaxUID = syntax
    made.save_as(buffer := BytesIO(), enforce_file_format=True)
    return buffer.getvalue()


def with_element(element: bytes) -> bytes:
    """A film with an element before its pixels."""
    data = saved()
    place = data.index(b"\x28\x00\x02\x00")
    return data[:place] + element + data[place:]


def sequence(items: bytes, kind: bytes, defined: bool) -> bytes:
    length, end = (len(items).to_bytes(4, "little"), b"") if defined else (UNDEFINED, END)
    return b"\x08\x00\x18\x22" + kind + b"\0\0" + length + items + end


@pytest.mark.parametrize("kind", [b"SQ", b"UN"])
@pytest.mark.parametrize("defined", [False, True])
@pytest.mark.parametrize("nested", [False, True])
def test_sequences_of_more_items_than_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: bytes, defined: bool, nested: bool
) -> None:
    monkeypatch.setattr(limits, "MOST_ELEMENTS", 20_000)
    items = ITEM * 30_000
    if nested:
        inner = sequence(items, b"SQ", defined)
        items = ITEM[:4] + len(inner).to_bytes(4, "little") + inner
    (tmp_path / "a.dcm").write_bytes(with_element(sequence(items, kind, defined)))
    # In the depths of a sequence, the reader calls it damage.
    with pytest.raises(ImageError, match="refused as unsafe|damaged"):
        read_image(tmp_path / "a.dcm")
    assert read_record(tmp_path / "a.dcm").reason is not None


def test_millions_of_elements(tmp_path: Path) -> None:
    numbers = (number & 0xFFFF for number in range(400_000))
    elements = b"".join(b"\x09\x00" + number.to_bytes(2, "little") + b"UN" + bytes(6) for number in numbers)
    (tmp_path / "a.dcm").write_bytes(with_element(elements))
    with pytest.raises(ImageError, match="300,000 elements"):
        read_image(tmp_path / "a.dcm")


def test_a_deflated_file_is_the_same_film(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(saved())
    (tmp_path / "b.dcm").write_bytes(saved(DEFLATED))
    assert (read_image(tmp_path / "a.dcm").array == read_image(tmp_path / "b.dcm").array).all()


def test_a_deflated_file_that_inflates_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_INFLATED", 1 << 20)
    head = saved(DEFLATED)[: 144 + int.from_bytes(saved(DEFLATED)[140:144], "little")]
    packing = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    with pytest.raises(ImageError, match="inflates to more than 1 MiB"):
        safe_stream(BytesIO(head + packing.compress(bytes(8 << 20)) + packing.flush()))


def test_a_false_length_of_the_meta_information_takes_no_memory(tmp_path: Path) -> None:
    data = saved(DEFLATED)
    (tmp_path / "a.dcm").write_bytes(data[:140] + b"\xff\xff\xff\xf0" + data[144:])
    with pytest.raises(ImageError, match="damaged"):
        read_image(tmp_path / "a.dcm")


def test_a_deflated_file_that_is_cut_is_truncated(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(saved(DEFLATED)[:-200])
    with pytest.raises(ImageError, match="truncated"):
        read_image(tmp_path / "a.dcm")
