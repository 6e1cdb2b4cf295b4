"""Sections that a file states."""

from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.errors import DataError
from plainfilm.text.section_overrides import Override, read_overrides
from plainfilm.text.sections import parse_sections

TEXT = "FINDINGS: Clear.\n\nIMPRESSION: Normal.\n"
HEAD = "study_id,section,start,end\n"


def sections(override: Override) -> list[tuple[str, str]]:
    found = parse_sections(TEXT, "mimic_cxr", override)
    assert all(TEXT[one.start : one.end] == one.text for one in found)
    return [(one.name, one.text) for one in found]


def test_a_section_characters_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text(f"{HEAD}s1,findings,,\ns2,,10,17\ns3,,,\ns4,,17,999\n")
    found = read_overrides(tmp_path / "o.csv")
    assert sections(found["s1"]) == [("findings", "Clear.")]
    assert sections(found["s2"]) == [("other", "Clear.")]
    assert sections(found["s3"]) == []
    assert sections(found["s4"]) == [("other", "IMPRESSION: Normal.")]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("s1,finding,,\n", r"line 2: unknown section 'finding': did you mean 'findings'"),
        ("s1,findings,1,2\n", "names section 'findings' and characters as well"),
        ("s1,,9,2\n", "start '9' and end '2'"),
        ("s1,,x,2\n", "start 'x'"),
        ("s1,,,\ns1,,,\n", "line 3: study_id 's1' occurs twice"),
        (",findings,,\n", "is blank"),
    ],
)
def test_mistakes_are_one_line(rows: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text(HEAD + rows)
    with pytest.raises(DataError, match=message):
        read_overrides(tmp_path / "o.csv")


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "o.csv").write_text("study,section,start,end\n")
    with pytest.raises(DataError, match="no column 'study_id': did you mean 'study'"):
        read_overrides(tmp_path / "o.csv")
