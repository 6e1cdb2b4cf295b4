from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plainfilm.errors import ConfigError
from plainfilm.text.sections import HEADER_RULES, parse_sections

MIMIC = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___-year-old woman with cough.

 COMPARISON:  None.

 FINDINGS:

 The lungs are clear.  HEART: normal size.
 No effusion.

 IMPRESSION:

 No acute process.
"""


def names_and_texts(text: str, rules: str = "mimic_cxr") -> list[tuple[str, str]]:
    return [(section.name, " ".join(section.text.split())) for section in parse_sections(text, rules)]


def test_a_usual_mimic_report() -> None:
    assert names_and_texts(MIMIC) == [
        ("technique", "CHEST (PA AND LAT)"),
        ("indication", "___-year-old woman with cough."),
        ("comparison", "None."),
        ("findings", "The lungs are clear. HEART: normal size. No effusion."),
        ("impression", "No acute process."),
    ]


def test_offsets_are_exact() -> None:
    for section in parse_sections(MIMIC, "mimic_cxr"):
        assert MIMIC[section.start : section.end] == section.text


@pytest.mark.parametrize(
    ("header", "section"),
    [
        ("REASON FOR EXAM", "indication"),
        ("REASON FOR EXAMINATION", "indication"),
        ("HISTORY", "indication"),
        ("CLINICAL HISTORY AND REASON FOR FILM", "indication"),
        ("PA AND LATERAL VIEWS OF THE CHEST", "findings"),
        ("SINGLE FRONTAL CHEST RADIOGRAPH", "findings"),
        ("CHEST, TWO VIEWS, FRONTAL AND LATERAL", "findings"),
        ("PORTABLE AP CHEST, 5:40 A.M.", "findings"),
        ("CONCLUSION", "impression"),
        ("IMPRESSIONS", "impression"),
        ("WET READ", "comparison"),
        ("NOTIFICATION", "notification"),
        ("RECOMMENDATION(S)", "notification"),
        ("TECHNIQUE", "technique"),
        ("COMPARISONS", "comparison"),
    ],
)
def test_header_variety(header: str, section: str) -> None:
    sections = parse_sections(f" FINDINGS: First.\n {header}:  Some words.\n", "mimic_cxr")
    assert [(part.name, part.text) for part in sections] == [("findings", "First."), (section, "Some words.")]


def test_an_unknown_header_stays_in_its_section() -> None:
    sections = parse_sections(" FINDINGS:\n LUNGS: Clear.\n BONES: Intact.\n", "mimic_cxr")
    assert [section.name for section in sections] == ["findings"]
    assert "BONES: Intact." in sections[0].text


def test_last_paragraph_where_nothing_is_announced() -> None:
    report = " INDICATION: Cough.\n \n COMPARISON: ___.\n \n Heart is large.\n \n No effusion.\n"
    assert names_and_texts(report) == [
        ("indication", "Cough."),
        ("comparison", "___."),
        ("other", "Heart is large. No effusion."),
    ]


def test_no_last_paragraph_where_there_is_an_impression() -> None:
    report = " IMPRESSION: Normal.\n \n COMPARISON: None.\n \n Signed.\n"
    assert [name for name, _ in names_and_texts(report)] == ["impression", "comparison"]


def test_empty_sections_are_left_out() -> None:
    report = " CHEST RADIOGRAPH:\n\n HISTORY: Fall.\n FINDINGS:\n IMPRESSION: Normal.\n"
    assert names_and_texts(report) == [("indication", "Fall."), ("impression", "Normal.")]


def test_a_wet_read_alone_is_the_report() -> None:
    (wet,) = parse_sections("WET READ: No acute process.\n", "mimic_cxr")
    assert wet.name == "other"


def test_wet_read_and_ruled_line_before_the_final_report() -> None:
    report = " WET READ: ___ ___ 8:11 AM\n  No acute process.\n ______\n FINAL REPORT\n FINDINGS: Clear.\n"
    wet, findings = parse_sections(report, "mimic_cxr")
    assert wet.name == "comparison"
    assert wet.text.startswith("___ ___ 8:11 AM")
    assert findings.text == "Clear."


@pytest.mark.parametrize("title", ["CHEST, AP PORTABLE", "Chest: Frontal and lateral views"])
def test_the_title_of_the_examination_is_technique(title: str) -> None:
    report = f"        FINAL REPORT\n {title}\n \n HISTORY: Fall.\n \n FINDINGS: Clear.\n"
    assert names_and_texts(report)[0] == ("technique", title)


def test_a_statement_above_the_headers_is_no_title() -> None:
    assert names_and_texts(" No acute process\n HISTORY: Fall.\n")[0] == ("other", "No acute process")
    assert names_and_texts(" CHEST CLEAR\n") == [("other", "CHEST CLEAR")]


def test_windows_line_ends() -> None:
    assert names_and_texts(MIMIC.replace("\n", "\r\n")) == names_and_texts(MIMIC)


def test_a_report_in_one_line() -> None:
    report = "FINDINGS: Heart normal. IMPRESSION: No acute disease."
    assert names_and_texts(report, "plain") == [
        ("findings", "Heart normal."),
        ("impression", "No acute disease."),
    ]


def test_headers_of_any_case_at_line_starts_and_after_full_stops() -> None:
    report = "Indication: cough\nFindings: Clear. Impression: Normal."
    assert [name for name, _ in names_and_texts(report, "plain")] == ["indication", "findings", "impression"]


def test_header_alone_on_its_line() -> None:
    assert names_and_texts("Findings\nClear.\nIMPRESSION\nNormal.\n", "plain") == [
        ("findings", "Clear."),
        ("impression", "Normal."),
    ]


def test_a_small_word_inside_a_sentence_is_no_header() -> None:
    report = "These findings: a nodule and an effusion, as in history of cancer."
    assert names_and_texts(report, "plain") == [("other", report)]


def test_a_stanford_report() -> None:
    text = (
        "NARRATIVE:\nRADIOGRAPHIC EXAMINATION OF THE CHEST: 1/2/2000\n\nCLINICAL HISTORY: Cough.\n\n"
        "COMPARISON: None.\n\nPROCEDURE COMMENTS: Two views.\n\nIMPRESSION:\n\n1. NO EFFUSION.\n\n"
        "SUMMARY:2-ABNORMAL\n\nEND OF IMPRESSION:\n\nACCESSION NUMBER: ___\n"
    )
    found = dict(names_and_texts(text, "chexpert"))
    assert found["impression"] == "1. NO EFFUSION."
    assert (found["indication"], found["comparison"]) == ("Cough.", "None.")


def test_a_report_of_chang_gung() -> None:
    text = "Chest PA view. Finding: Clear lungs. Imp: No active lung lesion. Suggestion: follow up."
    assert names_and_texts(text, "cgmh")[1:] == [
        ("findings", "Clear lungs."),
        ("impression", "No active lung lesion."),
        ("notification", "follow up."),
    ]


def test_without_headers_all_is_other() -> None:
    assert names_and_texts("Lungs are clear.\nNo effusion.", "plain") == [
        ("other", "Lungs are clear. No effusion.")
    ]


@pytest.mark.parametrize("text", ["", "   \n \n", "FINDINGS:", " FINDINGS:\n\n IMPRESSION:\n"])
@pytest.mark.parametrize("rules", HEADER_RULES)
def test_nothing_to_find(text: str, rules: str) -> None:
    assert parse_sections(text, rules) == ()


def test_unknown_rules() -> None:
    with pytest.raises(ConfigError, match="unknown header rules 'mimic': did you mean 'mimic_cxr'"):
        parse_sections("x", "mimic")


PIECES = st.sampled_from(
    [
        *(
            "FINDINGS:",
            "IMPRESSION: ",
            "Findings",
            " COMPARISON:",
            "HISTORY",
            "FINAL REPORT",
            "LUNGS:",
            "5:40",
        ),
        *(
            "\n",
            "\n\n",
            " \n \n ",
            " ",
            ". ",
            "Clear",
            "no effusion",
            "___",
            "XXXX",
            "\r\n",
            "é",
            "1.5 cm",
            ":",
        ),
    ]
)


@given(st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=80), st.sampled_from(HEADER_RULES))
def test_sections_are_exact_apart_and_complete(report: str, rules: str) -> None:
    sections = parse_sections(report, rules)
    rest, end = "", 0
    for section in sections:
        assert section.text == report[section.start : section.end] == section.text.strip() != ""
        assert section.start >= end
        rest += report[end : section.start] + "\0"
        end = section.end
    rest += report[end:]
    # What belongs to no section is white space, words before a colon, and headers alone on their line.
    rest = re.sub(r"[^:\n\0]*:", "", rest)
    assert re.sub(r"(?i)findings|impression|comparison|history|final report|[\s\0]", "", rest) == ""


@pytest.mark.parametrize("header", ["INDICATIONS", "IDICATION", "CLINCAL HISTORY"])
def test_a_header_with_a_semicolon_for_its_colon(header: str) -> None:
    text = f"{header};  Edema.\n\nFINDINGS:  No effusion.\nPORTABLE CHEST; CLEAR\n"
    assert [(part.name, part.text) for part in parse_sections(text, "mimic_cxr")] == [
        ("indication", "Edema."),
        ("findings", "No effusion.\nPORTABLE CHEST; CLEAR"),
    ]
