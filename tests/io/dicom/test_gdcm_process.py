"""GDCM dies; what asked it lives on."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plainfilm.errors import ImageError
from plainfilm.io.dicom import gdcm_process
from plainfilm.io.dicom.codestream import frame_of
from plainfilm.io.images import read_image
from plainfilm.phantom.dicom_files import write_dicom
from tests.io.dicom.maker import film, shown, write_compressed

pydicom = pytest.importorskip("pydicom", reason="DICOM needs plainfilm[dicom]")
pytest.importorskip("gdcm", reason="DICOM needs plainfilm[dicom]")

LOSSLESS = "JPEGLosslessProcess14"


@pytest.fixture(scope="module")
def lossless(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A lossless JPEG of 100 x 120 pixels of 8 bits."""
    path = tmp_path_factory.mktemp("lossless") / "a.dcm"
    write_dicom(path, shown(film()), bits_stored=8, syntax="jpeg lossless")
    return frame_of(pydicom.dcmread(path).PixelData)


def colours() -> bytes:
    Image.fromarray(shown(film())).convert("RGB").save(buffer := BytesIO(), "JPEG2000", no_jp2=True)
    return buffer.getvalue()


def test_the_process_decodes_as_gdcm_itself_does(lossless: bytes) -> None:
    decoded = gdcm_process.decode(lossless, 100, 120, 1, 8, LOSSLESS)
    assert np.array_equal(np.frombuffer(decoded, np.uint8).reshape(120, 100), shown(film()))
    running = gdcm_process._process(os.getpid())._running
    gdcm_process.decode(lossless, 100, 120, 1, 8, LOSSLESS)
    assert gdcm_process._process(os.getpid())._running is running


def test_a_picture_that_kills_its_decoder_is_an_error_and_the_next_one_is_decoded(lossless: bytes) -> None:
    with pytest.raises(ImageError, match="crash their decoder"):
        gdcm_process.decode(colours(), 100, 120, 1, 8, "JPEG2000")
    assert len(gdcm_process.decode(lossless, 100, 120, 1, 8, LOSSLESS)) == 12000


def test_a_damaged_picture_is_an_error(lossless: bytes) -> None:
    with pytest.raises(ImageError, match="cannot be decoded"):
        gdcm_process.decode(lossless[:200], 100, 120, 1, 8, LOSSLESS)


def test_a_picture_that_takes_too_long_is_given_up(lossless: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gdcm_process, "SECONDS", 0.0)
    with pytest.raises(ImageError, match="took longer"):
        gdcm_process.decode(lossless * 2000, 100, 120, 1, 8, LOSSLESS)


def test_colours_under_a_grey_header_are_read(tmp_path: Path) -> None:
    """What GDCM dies of, whole."""
    header = {"BitsAllocated": 8, "BitsStored": 8, "HighBit": 7}
    path = write_compressed(tmp_path / "a.dcm", film(), colours(), "1.2.840.10008.1.2.4.90", **header)
    assert np.abs(read_image(path).array.astype(int) - shown(film())).max() <= 1
