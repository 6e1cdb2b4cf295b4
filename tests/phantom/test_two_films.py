"""The example of a layout: studies of a PA and a lateral film, read back as MIMIC-CXR."""

from __future__ import annotations

from pathlib import Path

from plainfilm import phantom
from plainfilm.phantom.layouts.base import layout
from plainfilm.sources import mimic_cxr
from plainfilm.types import Study, View

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "two_films.py")


def test_only_studies_of_two_views_with_a_report_are_written(tmp_path: Path) -> None:
    patients = phantom.write(EXAMPLE, tmp_path, studies=16, seed=3, size=48, workers=1)
    expected = {one.study_id: one for one in layout(EXAMPLE).expected(tmp_path, patients, 3)}
    found = {
        one.study_id: one for one in mimic_cxr.read(tmp_path, mimic_cxr.Config()) if isinstance(one, Study)
    }
    assert 2 <= len(found) < 16
    assert found.keys() == expected.keys()
    for study in found.values():
        assert len(study.images) == 2
        assert {image.view for image in study.images} <= {View.PA, View.LATERAL, View.UNKNOWN}
    assert {file.stem for file in tmp_path.rglob("s*.txt")} == found.keys()
    written = {file.stem for file in tmp_path.rglob("*.jpg")}
    assert written == {image.image_id for study in expected.values() for image in study.images}
