from __future__ import annotations

import csv

import numpy as np
import pydicom
import pytest

from plainfilm.phantom.layouts.siim import run_lengths
from plainfilm.phantom.write import write


@pytest.fixture(scope="module")
def siim(tmp_path_factory):
    """Sixty studies in the layout of SIIM-ACR's challenge."""
    folder = tmp_path_factory.mktemp("siim") / "raw"
    write("siim", folder, studies=60, seed=5, size=64, workers=1)
    return folder


@pytest.fixture(scope="module")
def rows(siim):
    with (siim / "train-rle.csv").open(newline="") as stream:
        return list(csv.reader(stream))


def test_the_second_header_and_its_cells_begin_with_a_space(rows):
    assert rows[0] == ["ImageId", " EncodedPixels"]
    assert all(text.startswith(" ") for _, text in rows[1:])


def test_films_lie_in_two_folders_of_their_own(siim, rows):
    films = {path.stem: path for path in (siim / "dicom-images-train").glob("*/*/*.dcm")}
    assert set(films) == {film for film, _ in rows[1:]}
    assert len({path.parent for path in films.values()}) == len(films)
    assert list((siim / "dicom-images-test").glob("*/*/*.dcm"))


def test_masks_come_in_several_rows_and_twice(rows):
    masks = [row for row in map(tuple, rows[1:]) if row[1] != " -1"]
    assert len(masks) > len({film for film, _ in masks})
    assert len(masks) > len(set(masks))


def test_films_of_one_patient_share_the_header_s_patient(siim):
    found = [pydicom.dcmread(path, stop_before_pixels=True).PatientID for path in siim.rglob("*.dcm")]
    assert len(set(found)) < len(found)


def test_run_lengths_count_from_the_end_before():
    mask = np.zeros((4, 3), bool)
    mask[2:4, 0] = mask[1, 1] = True
    assert run_lengths(mask) == "2 2 1 1"
