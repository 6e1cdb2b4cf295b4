"""The example of a layout with patients of its own: MIMIC-CXR's, many with a collapsed vertebra."""

from __future__ import annotations

from pathlib import Path

from plainfilm import phantom
from plainfilm.phantom.layouts.base import layout
from plainfilm.sources import mimic_cxr
from plainfilm.types import State, Study

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "vertebral_fractures.py")


def test_collapsed_vertebrae_are_stated_in_reports_and_labels(tmp_path: Path) -> None:
    patients = phantom.write(EXAMPLE, tmp_path, studies=16, seed=3, size=48, workers=1)
    expected = {
        one.study_id for one in layout(EXAMPLE).expected(tmp_path, patients, 3) if isinstance(one, Study)
    }
    found = {
        one.study_id: one for one in mimic_cxr.read(tmp_path, mimic_cxr.Config()) if isinstance(one, Study)
    }
    assert found.keys() == expected
    broken = [
        study
        for patient in patients
        for study in patient.studies
        if study.report and any(finding.kind == "vertebral_fracture" for finding in study.findings)
    ]
    assert 1 <= len(broken) < 14
    for study in broken:
        labels = {label.observation: label.state for label in found[f"s{study.study_id}"].labels}
        assert labels["Fracture"] == State.POSITIVE
        assert "fracture" in study.report.lower()
