from __future__ import annotations

import json
from pathlib import Path

import pytest

from plainfilm.errors import DataError
from plainfilm.sources.common.nih_identity import nih_patients


def test_patients_by_either_id(tmp_path: Path) -> None:
    path = tmp_path / "mapping.json"
    entry = {"img_id": "00000013_005.png", "subset_img_id": "abc", "SOPInstanceUID": "1.2.3"}
    path.write_text(json.dumps([entry, {"img_id": "no file of NIH", "subset_img_id": "def"}]))
    assert nih_patients(path, "subset_img_id") == {"abc": "13"}
    assert nih_patients(path, "SOPInstanceUID") == {"1.2.3": "13"}


def test_without_a_mapping_nobody_is_known() -> None:
    assert nih_patients(None, "subset_img_id") == {}


@pytest.mark.parametrize("content", ["{}", "[1]", "no JSON"])
def test_a_file_that_is_no_mapping(tmp_path: Path, content: str) -> None:
    path = tmp_path / "mapping.json"
    path.write_text(content)
    with pytest.raises(DataError, match=r"mapping\.json"):
        nih_patients(path, "subset_img_id")
