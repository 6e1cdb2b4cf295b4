from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from plainfilm.errors import ImageError, MissingDependency
from plainfilm.io import dicom
from plainfilm.io.images import read_image

pydicom = pytest.importorskip("pydicom", reason="DICOM needs plainfilm[dicom]")


def film() -> NDArray[np.uint16]:
    rows, columns = np.mgrid[0:40, 0:50]
    return (rows * 60 + columns).astype(np.uint16)


def write(path: Path, array: NDArray[np.uint16], **changes: Any) -> Path:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3"
    dataset.Modality, dataset.PhotometricInterpretation, dataset.SamplesPerPixel = "DX", "MONOCHROME2", 1
    dataset.Rows, dataset.Columns = array.shape[-2:]
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 12, 11, 0
    dataset.PixelData = array.tobytes()
    for name, value in changes.items():
        setattr(dataset, name, value)
    dataset.save_as(path, enforce_file_format=True)
    return path


def fails(path: Path, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        read_image(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_a_window_all_values_are_shown(tmp_path: Path) -> None:
    expected = np.rint(film() * (255 / film().max()))
    assert np.array_equal(read_image(write(tmp_path / "a.dcm", film())).array, expected)


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    plain = read_image(write(tmp_path / "a.dcm", film())).array
    inverted = read_image(write(tmp_path / "b.dcm", film(), PhotometricInterpretation="MONOCHROME1")).array
    assert np.array_equal(inverted, 255 - plain)


def test_the_window_is_applied(tmp_path: Path) -> None:
    array = read_image(write(tmp_path / "a.dcm", film(), WindowCenter="1000", WindowWidth="200")).array
    assert array[film() < 890].max() == 0
    assert array[film() > 1110].min() == 255


def test_a_window_that_shows_nothing_is_left_out(tmp_path: Path) -> None:
    array = read_image(write(tmp_path / "a.dcm", film(), WindowCenter="60000", WindowWidth="10")).array
    assert array.max() == 255


def test_the_modality_transform_comes_before_the_window(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.dcm",
        film(),
        RescaleSlope="2",
        RescaleIntercept="-1000",
        WindowCenter="1000",
        WindowWidth="400",
    )
    assert read_image(path).array[film() < 890].max() == 0


def test_padding_is_black_and_does_not_squeeze_the_rest(tmp_path: Path) -> None:
    array = film()
    array[:, :10] = 4095
    read = read_image(write(tmp_path / "a.dcm", array, PixelPaddingValue=4095)).array
    assert read[:, :10].max() == 0
    assert read[:, 10:].max() == 255


def test_pixel_spacing_follows_the_reduction(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", film(), ImagerPixelSpacing=["0.2", "0.2"])
    assert read_image(path).spacing_mm == pytest.approx(0.2)
    assert read_image(path, shortest_side=20).spacing_mm == pytest.approx(0.4)


def test_pixels_that_are_not_square_have_no_spacing(tmp_path: Path) -> None:
    assert read_image(write(tmp_path / "a.dcm", film(), PixelSpacing=["0.2", "0.3"])).spacing_mm is None


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    assert read_image(write(tmp_path / "a", film())).array.shape == (40, 50)


def test_file_without_preamble_and_meta_information(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.dcm", film())
    dataset = pydicom.dcmread(whole)
    bare = BytesIO()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.save_as(bare, implicit_vr=True, little_endian=True)
    (tmp_path / "bare").write_bytes(bare.getvalue())
    assert np.array_equal(read_image(tmp_path / "bare").array, read_image(whole).array)


def test_several_frames_are_refused(tmp_path: Path) -> None:
    fails(write(tmp_path / "a.dcm", np.stack([film()] * 3), NumberOfFrames=3), "has 3 frames; a film has one")


def test_another_modality_is_refused(tmp_path: Path) -> None:
    fails(write(tmp_path / "a.dcm", film(), Modality="CT"), "modality is 'CT', not a radiograph")


def test_no_pixels(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", film())
    dataset = pydicom.dcmread(path)
    del dataset.PixelData
    dataset.save_as(path)
    fails(path, "holds no pixels")


def test_text_that_is_called_dicom(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_text("not a film at all")
    fails(tmp_path / "a.dcm", "DICOM")


def test_truncated_pixels(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", film())
    path.write_bytes(path.read_bytes()[:-1500])
    fails(path, "damaged or truncated|no pixels")


def test_bomb(tmp_path: Path) -> None:
    fails(write(tmp_path / "a.dcm", film(), Rows=60000, Columns=60000), "refused as unsafe")


def test_colour_palette_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.dcm", film(), PhotometricInterpretation="PALETTE COLOR")
    fails(path, "'PALETTE COLOR' is not grey")


def test_without_pydicom_the_error_names_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.dcm", film())

    def refuse(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(dicom.importlib, "import_module", refuse)
    with pytest.raises(MissingDependency, match=r"pip install 'plainfilm\[dicom\]'"):
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
    dicom_film = read_image(real_data / "originals" / "cr_chest_mono1_16bit_j2k.dcm", shortest_side=100).array
    png = read_image(real_data / "originals" / "derived_rg1_16bit_mono2.png", shortest_side=100).array
    rows = min(len(dicom_film), len(png))
    assert np.abs(dicom_film[:rows].astype(int) - png[:rows]).mean() < 3


def test_real_file_that_lies_about_its_modality(real_data: Path) -> None:
    fails(real_data / "originals" / "ct_header_nih_test5.dcm", "modality is 'CT'")
