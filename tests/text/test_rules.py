from __future__ import annotations

import pytest

from plainfilm.errors import ConfigError
from plainfilm.text.rules import TEXT_RULES, normalise, report_text, select_sections
from plainfilm.text.sections import parse_sections
from plainfilm.types import Section


def sections(*names: str) -> list[Section]:
    return [
        Section(name, f"{name} {place}.", place * 20, place * 20 + 10) for place, name in enumerate(names)
    ]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("impression", ["impression 2."]),
        ("findings", ["findings 1.", "findings 3."]),
        ("impression_findings", ["impression 2.", "findings 1.", "findings 3."]),
        ("findings_impression", ["findings 1.", "findings 3.", "impression 2."]),
        ("best_section", ["impression 2."]),
        ("longest_section", ["findings 1.", "findings 3."]),
        ("all", ["comparison 0.", "findings 1.", "impression 2.", "findings 3."]),
    ],
)
def test_what_each_rule_takes(rule: str, expected: list[str]) -> None:
    given = sections("comparison", "findings", "impression", "findings")
    assert [section.text for section in select_sections(given, rule)] == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["findings", "impression", "impression"], ["impression 2."]),
        (["other", "findings", "comparison"], ["findings 1."]),
        (["other", "comparison", "other"], ["other 2."]),
        (["indication", "comparison"], ["comparison 1."]),
        (["indication"], []),
        ([], []),
    ],
)
def test_best_section_falls_back_in_the_published_order(names: list[str], expected: list[str]) -> None:
    assert [section.text for section in select_sections(sections(*names), "best_section")] == expected


@pytest.mark.parametrize(
    ("findings", "impression", "expected"),
    [
        ("Zones clear.", "A normal heart and clear lungs.", ["A normal heart and clear lungs."]),
        ("Zones are clear.", "A normal.", ["Zones are clear."]),
        ("White        space.", "Is not a text.", ["Is not a text."]),
    ],
)
def test_longest_section_counts_characters_and_does_not_sort_them(
    findings: str, impression: str, expected: list[str]
) -> None:
    given = [Section("findings", findings, 0, 9), Section("impression", impression, 10, 19)]
    assert [section.text for section in select_sections(given, "longest_section")] == expected


def test_best_section_of_a_report_without_findings_is_its_last_paragraph() -> None:
    report = " INDICATION: Cough.\n\n COMPARISON: ___.\n \n Heart is large.\n"
    assert report_text(parse_sections(report, "mimic_cxr"), "best_section") == "Heart is large."


@pytest.mark.parametrize("rule", TEXT_RULES)
def test_no_sections_give_no_text(rule: str) -> None:
    assert report_text([], rule) == ""


def test_sections_joined_do_not_run_together() -> None:
    given = [Section("findings", "Clear\n  lungs", 0, 5), Section("impression", "Normal", 9, 15)]
    assert report_text(given, "findings_impression") == "Clear lungs\nNormal"


def test_unknown_rule() -> None:
    with pytest.raises(ConfigError, match="unknown text rule 'impresion': did you mean 'impression'"):
        select_sections([], "impresion")


@pytest.mark.parametrize("text", ["No effusion.", "NO  EFFUSION.", "\n no\teffusion. "])
def test_the_same_text(text: str) -> None:
    assert normalise(text) == "no effusion."


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["findings", "impression", "other"], ["impression 1.", "findings 0."]),
        (["indication", "other", "other", "notification"], ["other 2."]),
        (["indication", "comparison"], []),
    ],
)
def test_impression_and_findings_or_the_last_paragraph(names: list[str], expected: list[str]) -> None:
    found = select_sections(sections(*names), "impression_findings_or_last")
    assert [section.text for section in found] == expected


@pytest.mark.parametrize("rule", ["findings", "impression", "impression_findings", "best_section"])
def test_a_section_for_both_is_either_and_taken_once(rule: str) -> None:
    (found,) = select_sections(sections("findings_and_impression"), rule)
    assert found.name == "findings_and_impression"


@pytest.mark.parametrize("rule", [rule for rule in TEXT_RULES if rule != "all"])
def test_a_notification_or_an_addendum_is_no_text(rule: str) -> None:
    assert select_sections(sections("notification", "addendum"), rule) == []
