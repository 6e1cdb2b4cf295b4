from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PIL import Image

from plainfilm import phantom


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("covid19_idc") / "raw"
    phantom.write("covid19_idc", root, studies=12, size=96, workers=1)
    return root


def rows(root: Path) -> list[dict[str, str]]:
    with (root / "metadata.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_header_is_that_of_the_last_release(root: Path) -> None:
    header = (root / "metadata.csv").read_text().splitlines()[0].split(",")
    assert len(header) == 30
    assert header[:5] == ["patientid", "offset", "sex", "age", "finding"]
    assert header[-4:] == ["license", "clinical_notes", "other_notes", ""]


def test_every_row_has_its_file_and_every_file_its_row(root: Path) -> None:
    assert {row["filename"] for row in rows(root)} == {path.name for path in (root / "images").iterdir()}


def test_slices_of_ct_stand_among_the_films(root: Path) -> None:
    kinds = {(row["modality"], row["view"]) for row in rows(root)}
    assert ("CT", "Axial") in kinds
    assert {"L", "PA"} <= {view for modality, view in kinds if modality == "X-ray"}


def test_endings_say_what_the_files_are(root: Path) -> None:
    formats = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
    for path in (root / "images").iterdir():
        with Image.open(path) as image:
            assert image.format == formats[path.suffix.lower()]
