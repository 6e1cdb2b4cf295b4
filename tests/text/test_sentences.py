from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plainfilm.phantom.history import draw_visits
from plainfilm.phantom.reports import write_report
from plainfilm.seeding import generator
from plainfilm.text.sentences import LONGEST, report_sentences, split_sentences
from plainfilm.types import Report, Section


def split(text: str) -> list[str]:
    return [sentence.text for sentence in split_sentences(text)]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Lungs are clear. No effusion.", ["Lungs are clear.", "No effusion."]),
        ("Lungs: clear\nHeart: large", ["Lungs: clear", "Heart: large"]),
        ("Lungs | clear\nHeart | large", ["Lungs | clear", "Heart | large"]),
        ("Heart normal\nNo effusion", ["Heart normal", "No effusion"]),
        ("Compared to ___\nCT there is none", ["Compared to ___ CT there is none"]),
        ("lungs are clear. no effusion.", ["lungs are clear.", "no effusion."]),
        ("Seen by Dr. Smith. Stable.", ["Seen by Dr. Smith.", "Stable."]),
        ("Atelectasis vs. pneumonia, e.g. aspiration.", ["Atelectasis vs. pneumonia, e.g. aspiration."]),
        ("Nodule of approx. 3 mm. Stable.", ["Nodule of approx. 3 mm.", "Stable."]),
        ("A 1.5 cm. nodule in the apex.", ["A 1.5 cm. nodule in the apex."]),
        ("It measures 1.5 cm. The heart is large.", ["It measures 1.5 cm.", "The heart is large."]),
        ("Tip 4.5 cm above the carina.No change.", ["Tip 4.5 cm above the carina.", "No change."]),
        ("A lesion in the apex.There is more.", ["A lesion in the apex.", "There is more."]),
        ("It ends in the SVC.A small effusion.", ["It ends in the SVC.", "A small effusion."]),
        ("opacity is noted.no effusion.", ["opacity is noted.", "no effusion."]),
        ("Called at 10:30 A.M. on ___. Done.", ["Called at 10:30 A.M. on ___.", "Done."]),
        ("Called at 5 p.m. The lungs are clear.", ["Called at 5 p.m.", "The lungs are clear."]),
        ("Rib No. 5 is broken. So is No. 6.", ["Rib No. 5 is broken.", "So is No. 6."]),
        ("As seen in fig. 3 of J. Smith.", ["As seen in fig. 3 of J. Smith."]),
        ("St. Mary hospital film. Normal.", ["St. Mary hospital film.", "Normal."]),
        ("Old films... are missing. Stable.", ["Old films... are missing.", "Stable."]),
        ("No change... The heart is large.", ["No change...", "The heart is large."]),
        ("Effusion; no pneumothorax; stable.", ["Effusion; no pneumothorax; stable."]),
        ("Is there pneumonia? No.", ["Is there pneumonia?", "No."]),
        ("Edema? No. Effusion? Yes, small.", ["Edema? No.", "Effusion? Yes, small."]),
        ("1.No edema.2.Small effusion.", ["No edema.", "Small effusion."]),
        ("1)No edema 2)Effusion", ["No edema", "Effusion"]),
        ("(1) mild edema (2) no effusion", ["mild edema", "no effusion"]),
        ("-No edema -Small effusion", ["No edema", "Small effusion"]),
        ("*No edema *Small effusion", ["No edema", "Small effusion"]),
        ("無氣胸。疑似肺炎！正常？", ["無氣胸。", "疑似肺炎！", "正常？"]),
        ("? pneumonia in the left base.", ["? pneumonia in the left base."]),
        ("Cough, ?pneumonia. Fever.", ["Cough, ?pneumonia.", "Fever."]),
        ("Heart is XXXX. XXXX XXXX. Lungs clear.", ["Heart is XXXX.", "Lungs clear."]),
        ("Compared to ___. Now ___.", ["Compared to ___.", "Now ___."]),
        ("Degenerative change at T12. Stable.", ["Degenerative change at T12.", "Stable."]),
        ("Type I. The rest is fine.", ["Type I.", "The rest is fine."]),
        ("It measures 2. The rest is fine.", ["It measures 2.", "The rest is fine."]),
        ('He said "no pain." Normal film.', ['He said "no pain."', "Normal film."]),
        ("(Stable.) Clear lungs.", ["(Stable.)", "Clear lungs."]),
    ],
)
def test_where_sentences_end(text: str, sentences: list[str]) -> None:
    assert split(text) == sentences


@pytest.mark.parametrize(
    "text",
    [
        "1. No effusion. 2. Large heart. 3. Old fracture.",
        "1. No effusion 2. Large heart 3. Old fracture",
        "1) No effusion 2) Large heart 3) Old fracture",
        "1. No effusion\n2. Large heart\n3. Old fracture",
        "- No effusion\n- Large heart\n- Old fracture",
        "\u2022 No effusion\n\u2022 Large heart\n\u2022 Old fracture",
        "1.No effusion. 2.Large heart. 3.Old fracture",
        "No effusion\n\nLarge heart\n\nOld fracture",
        "No effusion\n_____________\nLarge heart\n=====\nOld fracture",
    ],
)
def test_lists(text: str) -> None:
    assert [sentence.rstrip(".") for sentence in split(text)] == [
        "No effusion",
        "Large heart",
        "Old fracture",
    ]


def test_a_line_break_inside_a_sentence_is_a_space() -> None:
    assert split("The heart is\n mildly enlarged. No\r\n effusion.") == [
        "The heart is mildly enlarged.",
        "No effusion.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "1. 2. 3.",
        "12/3",
        "____",
        "XXXX.",
        "XXXX XXXX, XXXX",
        "___ ___ 10:30 AM",
        "5 p.m.",
        "- \n-",
        "...",
    ],
)
def test_what_has_no_letter_is_no_sentence(text: str) -> None:
    assert split(text) == []


def test_offsets_count_from_the_start_of_the_report() -> None:
    report = "FINDINGS: Clear  lungs. 2. Large\nheart."
    first, second = split_sentences(report[10:], start=10, section="findings")
    assert report[first.start : first.end] == "Clear  lungs."
    assert report[second.start : second.end] == "Large\nheart."
    assert (first.text, second.text) == ("Clear lungs.", "Large heart.")
    assert (first.section, first.position, second.position) == ("findings", 0, 1)


def test_positions_count_over_the_report() -> None:
    report = Report("FINDINGS: One. Two. IMPRESSION: Three.", header_rules="plain")
    sentences = report_sentences(report)
    assert [(s.text, s.section, s.position) for s in sentences] == [
        ("One.", "findings", 0),
        ("Two.", "findings", 1),
        ("Three.", "impression", 2),
    ]


def test_given_sections_are_taken_as_they_are_in_order_of_the_report() -> None:
    text = "Two. One."
    sections = (Section("impression", "One.", 5, 9), Section("findings", "Two.", 0, 4))
    assert [s.text for s in report_sentences(Report(text, sections))] == ["Two.", "One."]


PIECES = st.sampled_from(
    [
        ". ",
        ".",
        "\n",
        "\n\n",
        "1. ",
        "2)",
        "- ",
        "Dr. ",
        "a.m. ",
        "XXXX",
        "___",
        "Clear",
        "no",
        "3.5",
        "? ",
        "...",
        '"',
    ]
)


@given(st.lists(PIECES, max_size=30).map("".join) | st.text(max_size=80), st.integers(0, 50))
def test_sentences_are_exact_and_apart(text: str, start: int) -> None:
    end = start
    for sentence in split_sentences(text, start):
        assert sentence.start >= end
        raw = text[sentence.start - start : sentence.end - start]
        assert " ".join(raw.split()) == sentence.text != ""
        end = sentence.end


@given(st.lists(PIECES, max_size=30).map("".join))
def test_no_word_is_lost(text: str) -> None:
    def words(of: str) -> str:
        return "".join(
            character for character in of.replace("X", "").replace("a.m.", "") if character.isalpha()
        )

    assert words("".join(split(text))) == words(text)


def test_the_phantoms_reports_are_cut_where_they_were_joined() -> None:
    for number in range(100):
        (visit,) = draw_visits(1, generator("splitter test", number))
        report = write_report(60.0, "F", visit, generator("splitter test", number, "report"))
        found = report_sentences(Report(report.text, header_rules="mimic_cxr"))
        read = [(s.start, s.end) for s in found if s.section in ("findings", "impression", "other")]
        assert read == [(sentence.start, sentence.end) for sentence in report.sentences], report.text


def test_real_reports_split_into_sentences(real_data: Path) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.read_csv(real_data / "reports" / "openi_reports.csv", keep_default_na=False, dtype=str)
    sentences = [s.text for text in frame["findings"] for s in split_sentences(text)]
    # Radiologists write 4 to 30 words; what is far longer was not split.
    assert len(sentences) > 11_000
    assert sum(len(sentence.split()) > 60 for sentence in sentences) <= 3
    assert sum(sentence.rstrip()[-1] not in '.?!)":' for sentence in sentences) < 0.02 * len(sentences)


@pytest.mark.parametrize("text", ["no " * 200_000, "a.b." * 200_000, "x" * 500_000, "1. a 2. b " * 50_000])
def test_long_text_is_cut(text: str) -> None:
    sentences = split_sentences(text)
    assert max(len(sentence.text) for sentence in sentences) <= LONGEST
    assert (
        sum(len(sentence.text.replace(" ", "")) for sentence in sentences) >= len(text.replace(" ", "")) // 2
    )
