from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.io.folders import default_options, default_raw, variable_of


@pytest.mark.parametrize(
    ("source", "variable"),
    [
        ("mimic_cxr", "MIMIC_CXR_JPG_DIR"),
        ("imagenome", "CHEST_IMAGENOME_DIR"),
        ("ms_cxr", "MS_CXR_DIR"),
        ("vindr_cxr", "VINDR_CXR_DIR"),
        ("nih14", "CXR14_DIR"),
    ],
)
def test_the_variable_of_a_corpus_counts_even_where_nothing_is(source: str, variable: str) -> None:
    assert default_raw(source, {variable: "/nowhere"}) == Path("/nowhere")
    assert variable_of(source) == variable


def test_folders_below_the_base_of_mimic_count_where_they_are(tmp_path: Path) -> None:
    environment = {"MIMIC_CXR_BASE_DIR": str(tmp_path)}
    assert default_raw("mimic_cxr", environment) is None
    (tmp_path / "mimic-cxr-jpg_2-0-0").mkdir()
    (tmp_path / "mimic-cxr_2-0-0").mkdir()
    assert default_raw("mimic_cxr", environment) == tmp_path / "mimic-cxr-jpg_2-0-0"
    assert default_options("ms_cxr", environment) == {"reports": str(tmp_path / "mimic-cxr_2-0-0")}
    assert default_options("nih14", environment) == {}


def test_folders_below_the_data_folder_count_where_they_are(tmp_path: Path) -> None:
    environment = {"DATA_DIR": str(tmp_path)}
    (tmp_path / "MIMIC-CXR" / "ms-cxr_0-1").mkdir(parents=True)
    (tmp_path / "CXR8").mkdir()
    assert default_raw("ms_cxr", environment) == tmp_path / "MIMIC-CXR" / "ms-cxr_0-1"
    assert default_raw("nih14", environment) == tmp_path / "CXR8"
    assert default_raw("vindr_cxr", environment) is None


def test_what_wget_made_is_entered_to_its_newest_release(tmp_path: Path) -> None:
    for version in ("2.0.0", "2.1.0"):
        (tmp_path / "physionet.org/files/mimic-cxr-jpg" / version).mkdir(parents=True)
    found = default_raw("mimic_cxr", {"MIMIC_CXR_JPG_DIR": str(tmp_path)})
    assert found == tmp_path / "physionet.org/files/mimic-cxr-jpg/2.1.0"


def test_other_sources_have_no_variable() -> None:
    assert default_raw("table", {"DATA_DIR": "/"}) is None
    assert variable_of("table") is None
