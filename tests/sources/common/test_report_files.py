from __future__ import annotations

from pathlib import Path

from plainfilm.sources.common.report_files import FoundReport, join_sections, read_reports
from plainfilm.text.structured import section_of
from plainfilm.types import Rejection


def test_sections_of_headers() -> None:
    headers = ("report_findings", "IMPRESSION", "clinical_history", "notes")
    assert [section_of(header) for header in headers] == ["findings", "impression", "indication", "other"]


def test_joined_sections_have_exact_offsets() -> None:
    report = join_sections([("findings", " Clear. "), ("impression", "Normal.")], "plain")
    assert report.sections is not None
    assert [report.text[part.start : part.end] for part in report.sections] == ["Clear.", "Normal."]


def test_one_column_without_a_section_name_is_left_to_the_parser() -> None:
    assert join_sections([("report", "FINDINGS: Clear.")], "mimic_cxr").sections is None


def test_a_report_file_in_another_encoding_is_a_rejection(tmp_path: Path) -> None:
    (tmp_path / "1.txt").write_bytes("胸部正位片示双肺纹理清晰，未见明显异常。".encode("gbk"))
    (tmp_path / "2.txt").write_text("Clear.")
    first, second = read_reports(tmp_path, None, None, "plain")
    assert isinstance(first, Rejection)
    assert "the text looks like GB18030" in first.reason
    assert isinstance(second, FoundReport)
    assert second.report.text == "Clear."
