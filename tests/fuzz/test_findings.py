"""What the fuzzer found, one test each."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plainfilm.errors import DataError, ImageError
from plainfilm.io import archives
from plainfilm.io.dicom.safe_stream import BoundedStream
from plainfilm.io.images import read_image
from plainfilm.io.tables import read_json
from plainfilm.labelling import Labeller
from plainfilm.text.structured import read_open_i


def dicom_bytes() -> bytes:
    from tests.io.dicom.maker import dataset, gradient

    dataset(gradient()).save_as(buffer := io.BytesIO(), enforce_file_format=True)
    return buffer.getvalue()


def test_a_tiff_whose_second_frame_does_not_say_how_wide_it_is(tmp_path: Path) -> None:
    frame = Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8))
    frame.save(tmp_path / "a.tif", save_all=True, append_images=[frame])
    first, width, second = (tmp_path / "a.tif").read_bytes().rpartition(b"\x00\x01\x04\x00")
    (tmp_path / "a.tif").write_bytes(first + width.replace(b"\x01", b"\x09") + second)
    with pytest.raises(ImageError, match="damaged"):
        read_image(tmp_path / "a.tif")


def test_a_dicom_element_of_four_gigabytes_takes_no_memory() -> None:
    class Asked(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert size <= 100
            return super().read(size)

    assert BoundedStream(Asked(bytes(100))).read(0xFFFFFFF0) == bytes(100)


def test_a_dicom_number_of_a_length_that_no_number_has(tmp_path: Path) -> None:
    data = dicom_bytes().replace(b"\x28\x00\x10\x00US\x02\x00", b"\x28\x00\x10\x00UL\x02\x00")
    (tmp_path / "a.dcm").write_bytes(data)
    with pytest.raises(ImageError, match="damaged"):
        read_image(tmp_path / "a.dcm")


def test_a_damaged_element_beside_the_pixels_does_not_cost_the_film(tmp_path: Path) -> None:
    element = b"\x18\x00\x64\x11DS\x02\x00\xff\xff"
    data = dicom_bytes()
    place = data.index(b"\x28\x00\x02\x00US")
    (tmp_path / "a.dcm").write_bytes(data[:place] + element + data[place:])
    assert read_image(tmp_path / "a.dcm").spacing_mm is None


def test_json_nested_without_end(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("[" * 50_000)
    with pytest.raises(DataError, match="nested too deeply"):
        read_json(tmp_path / "a.json")


def zipped(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("name.png", b"0123456789")
    return folder / "a.zip"


def test_a_zip_of_a_version_to_come(tmp_path: Path) -> None:
    path = zipped(tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 6] = 255
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="damaged"):
        list(archives.files_below(path))


def test_a_zip_whose_member_has_a_name_in_no_encoding(tmp_path: Path) -> None:
    path = zipped(tmp_path)
    data = bytearray(path.read_bytes())
    data[7] = 0x08  # the local header says UTF-8
    data[30] = 0xFF
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="cannot be unpacked"):
        archives.read_bytes(path / "name.png")


def test_xml_in_an_encoding_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b'<?xml version="1.0" encoding="utn-9"?><eCitation/>')
    with pytest.raises(DataError, match="not XML"):
        read_open_i(tmp_path / "a.xml")


@pytest.mark.timeout(20)
def test_a_line_of_dashes_is_read_at_once() -> None:
    """A cue took the time of the eighth power of their number."""
    Labeller.load().label_sentence("Lungs clear, " + "- " * 300 + "1. No pneumothorax or effusion.")
