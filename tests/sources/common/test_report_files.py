from __future__ import annotations

from plainfilm.sources.common.report_files import join_sections
from plainfilm.text.structured import section_of


def test_sections_of_headers() -> None:
    headers = ("report_findings", "IMPRESSION", "clinical_history", "notes")
    assert [section_of(header) for header in headers] == ["findings", "impression", "indication", "other"]


def test_joined_sections_have_exact_offsets() -> None:
    report = join_sections([("findings", " Clear. "), ("impression", "Normal.")], "plain")
    assert report.sections is not None
    assert [report.text[part.start : part.end] for part in report.sections] == ["Clear.", "Normal."]


def test_one_column_without_a_section_name_is_left_to_the_parser() -> None:
    assert join_sections([("report", "FINDINGS: Clear.")], "mimic_cxr").sections is None
