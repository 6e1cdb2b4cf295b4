from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from plainfilm.errors import ImageError, MissingDependency
from plainfilm.io import limits, optional
from plainfilm.io.dicom import read as dicom
from plainfilm.io.images import read_image
from tests.io.dicom.maker import gradient, write

pydicom = pytest.importorskip("pydicom", reason="DICOM needs plainfilm[dicom]")


def fails(path: Path, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_window_that_shows_nothing_is_left_out(tmp_path: Path) -> None:
    array = read_image(write(tmp_path / "a.dcm", gradient(), WindowCenter="60000", WindowWidth="10")).array
    assert array.max() == 255


def test_pixel_spacing_follows_the_reduction(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", gradient(), ImagerPixelSpacing=["0.2", "0.2"])
    assert read_image(path).spacing_mm == pytest.approx(0.2)
    assert read_image(path, shortest_side=20).spacing_mm == pytest.approx(0.4)


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    assert read_image(write(tmp_path / "a", gradient())).array.shape == (40, 50)


def test_file_without_preamble_and_meta_information(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.dcm", gradient())
    dataset = pydicom.dcmread(whole)
    bare = BytesIO()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.save_as(bare, implicit_vr=True, little_endian=True)
    (tmp_path / "bare").write_bytes(bare.getvalue())
    assert np.array_equal(read_image(tmp_path / "bare").array, read_image(whole).array)


def test_several_frames_are_refused(tmp_path: Path) -> None:
    fails(
        write(tmp_path / "a.dcm", np.stack([gradient()] * 3), NumberOfFrames=3),
        "has 3 frames; a film has one",
    )


def test_another_modality_is_refused(tmp_path: Path) -> None:
    fails(write(tmp_path / "a.dcm", gradient(), Modality="CT"), "modality is 'CT', not a radiograph")


def test_no_pixels(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", gradient())
    dataset = pydicom.dcmread(path)
    del dataset.PixelData
    dataset.save_as(path)
    fails(path, "holds no pixels")


def test_text_that_is_called_dicom(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_text("not a film at all")
    fails(tmp_path / "a.dcm", "DICOM")


def test_truncated_pixels(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", gradient())
    path.write_bytes(path.read_bytes()[:-1500])
    fails(path, "truncated")


def test_bomb(tmp_path: Path) -> None:
    fails(write(tmp_path / "a.dcm", gradient(), Rows=60000, Columns=60000), "refused as unsafe")


def test_an_unknown_photometric_interpretation_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", gradient(), PhotometricInterpretation="MONOCHROME3")
    fails(path, "photometric interpretation is none that DICOM knows")


def test_a_deflated_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.dcm", gradient())
    made = pydicom.dcmread(path)
    made.file_meta.TransferSyntaxUID = pydicom.uid.DeflatedExplicitVRLittleEndian
    made.save_as(path)
    monkeypatch.setattr(limits, "MOST_INFLATED", 1000)
    fails(path, "inflates to more than")


def test_nothing_is_said_on_standard_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """pydicom and GDCM would quote header values, which may name a patient."""
    path = write(tmp_path / "a.dcm", gradient(), PixelData=gradient().tobytes() + bytes(10))
    data = path.read_bytes().replace(b"1.2.3", b"Quux3")
    path.write_bytes(data)
    read_image(path)
    assert capfd.readouterr().err == ""


def test_without_pydicom_the_error_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.dcm", gradient())

    def refuse(name: str) -> None:
        raise ModuleNotFoundError(name=name)

    dicom._pydicom.cache_clear()
    monkeypatch.setattr(optional.importlib, "import_module", refuse)
    with pytest.raises(MissingDependency, match=r"needs pydicom, .*pip install 'pydicom>=3.0'"):
        read_image(path)


@pytest.mark.parametrize(
    "name", ["cr_chest_mono1_16bit_j2k", "cr_chest_mono1_10bit_nopreamble", "dx_nih_test2"]
)
def test_real_chest_films_are_upright_in_grey_value(real_data: Path, name: str) -> None:
    array = read_image(real_data / "originals" / f"{name}.dcm", shortest_side=200).array.astype(float)
    height, width = array.shape
    rows = slice(int(0.35 * height), int(0.5 * height))
    spine = array[rows, int(0.47 * width) : int(0.53 * width)].mean()
    lung = array[rows, int(0.2 * width) : int(0.35 * width)].mean()
    assert spine > lung + 20


def test_real_dicom_and_the_png_made_from_it_agree(real_data: Path) -> None:
    """The PNG has no window, so its grey values run over more of the range."""
    dicom_film = read_image(real_data / "originals" / "cr_chest_mono1_16bit_j2k.dcm", shortest_side=100).array
    png = read_image(real_data / "originals" / "derived_rg1_16bit_mono2.png", shortest_side=100).array
    rows = min(len(dicom_film), len(png))
    assert np.corrcoef(dicom_film[:rows].ravel(), png[:rows].ravel())[0, 1] > 0.998


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ct_header_nih_test5", "modality is 'CT'"),
        ("cr_extremity_mono1_10bit_j2k", "'extremity'"),
        ("dx_dog_thorax_mono1_8bit", "speaks of an animal"),
    ],
)
def test_real_files_that_are_no_chest_film(real_data: Path, name: str, words: str) -> None:
    path = real_data / "originals" / f"{name}.dcm"
    fails(path, words)
    assert words in read_image(path, keep_refused=True).flags[0]


def test_the_real_dog_is_inverted_once(real_data: Path) -> None:
    """MONOCHROME1 and INVERSE say the same; the air above and below the dog is black."""
    dog = read_image(real_data / "originals" / "dx_dog_thorax_mono1_8bit.dcm", keep_refused=True).array
    assert dog[-12:].mean() < 20 < 80 < dog[60:120].mean()
