"""Reports whose sections are stated."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plainfilm.errors import DataError
from plainfilm.text.structured import read_open_i, report_of, rexrank_report
from plainfilm.types import SECTIONS, Report


def named(report: Report) -> dict[str, str]:
    assert report.sections is not None
    assert all(report.text[one.start : one.end] == one.text for one in report.sections)
    return {section.name: section.text for section in report.sections}


@given(st.lists(st.tuples(st.sampled_from(SECTIONS), st.text(max_size=20)), max_size=6))
def test_offsets_are_exact(parts: list[tuple[str, str]]) -> None:
    report = report_of(parts)
    assert report.sections is not None
    assert [report.text[one.start : one.end] for one in report.sections] == [
        text.strip() for _, text in parts if text.strip()
    ]


def test_every_real_open_i_file(real_data: Path) -> None:
    files = sorted((real_data / "reports" / "openi_xml").glob("*.xml"))
    reports = [named(read_open_i(file)) for file in files]
    assert len(reports) == 120
    assert sum("impression" in sections for sections in reports) > 100
    assert {name for sections in reports for name in sections} <= set(SECTIONS)


@pytest.mark.parametrize(
    ("content", "message"),
    [("<a>", "not XML"), ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "declares a document type")],
)
def test_files_that_are_not_read(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "r.xml").write_text(content)
    with pytest.raises(DataError, match=f"r.xml: {message}"):
        read_open_i(tmp_path / "r.xml")


def test_rexrank_fields_in_any_case() -> None:
    entry = {"Findings": "Clear.", "IMPRESSION": "Normal.", "Indication": "Cough.", "images": ["a.png"]}
    assert named(rexrank_report(entry, "x")) == {
        "findings": "Clear.",
        "impression": "Normal.",
        "indication": "Cough.",
    }
    assert rexrank_report({"report": "FINDINGS: Clear."}, "x").sections is None


def test_rexrank_entry_without_text() -> None:
    with pytest.raises(DataError, match=r"mimic.json, study 7: no field names a section.*fields: images"):
        rexrank_report({"images": []}, "mimic.json, study 7")
