from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from plainfilm.phantom.history import draw_visits
from plainfilm.phantom.reports import write_report
from plainfilm.prompts.paraphrase import labels_of, paraphrase
from plainfilm.seeding import generator
from plainfilm.text.sentences import split_sentences

DENIALS = re.compile(r"\b(no|not|without|negative|free|absent|cannot|nor)\b", re.IGNORECASE)
"""Words that deny, counted beside what the labeller says: a paraphrase has as many as its sentence."""


def ways(sentence: str, seeds: int = 40) -> set[str]:
    return {paraphrase(sentence, generator("ways", seed)) for seed in range(seeds)} - {sentence}


@pytest.mark.parametrize(
    ("sentence", "another"),
    [
        ("There is no pneumothorax.", "No pneumothorax is seen."),
        ("No pleural effusion or pneumothorax.", "There is no pneumothorax or pleural effusion."),
        ("There is a small effusion.", "A small effusion is present."),
        ("A lung nodule is seen.", "The film shows a pulmonary nodule."),
        ("The film shows cardiomegaly.", "There is cardiomegaly."),
        ("There are nodules in the left lung.", "Nodules in the left lung are seen."),
        (
            "The heart is enlarged, and the lungs are clear.",
            "The lungs are clear, and the heart is enlarged.",
        ),
        ("Stable pleural thickening.", "The pleural thickening is stable."),
        ("Findings consistent with edema.", "Findings in keeping with edema."),
    ],
)
def test_a_sentence_can_be_said_in_another_way(sentence: str, another: str) -> None:
    assert another in ways(sentence, 120)


def test_a_seed_gives_one_paraphrase() -> None:
    assert paraphrase("No effusion is seen.", generator(1)) == paraphrase(
        "No effusion is seen.", generator(1)
    )


@pytest.mark.parametrize(
    "sentence", ["", "XXXX.", "Pas de pneumothorax.", "PICC tip at the cavoatrial junction."]
)
def test_what_no_rule_knows_stays(sentence: str) -> None:
    assert ways(sentence) == set()


def test_abbreviations_keep_their_letters() -> None:
    assert all("PICC" in said for said in ways("PICC line or ET tube is not seen. There is no PICC line."))
    assert all("PICC" in said for said in ways("No PICC line or pneumothorax."))


def test_articles_fit_the_word_after_them() -> None:
    assert not any(
        "a unchanged" in said for said in ways("There is a stable opacity, consistent with edema.")
    )


def test_a_step_that_changes_a_label_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    from plainfilm.prompts import paraphrase as module

    monkeypatch.setattr(module, "_exchanged", lambda text, rng: text.replace("No", "Large"))
    assert all("Large" not in said for said in ways("No effusion."))


def test_no_label_of_the_phantoms_sentences_changes() -> None:
    sentences: set[str] = set()
    for number in range(150):
        rng = generator("paraphrase", number)
        for visit in draw_visits(2, rng):
            sentences |= {sentence.text for sentence in write_report(60, "F", visit, rng).sentences}
    assert changed(sorted(sentences)) > 0.4


def test_no_label_of_real_sentences_changes(real_data: Path) -> None:
    with (real_data / "reports" / "openi_reports.csv").open(encoding="utf-8") as stream:
        texts = [row[name] for row in csv.DictReader(stream) for name in ("findings", "impression")]
    sentences = dict.fromkeys(sentence.text for text in texts for sentence in split_sentences(text))
    assert changed(list(sentences)[::4]) > 0.4


def changed(sentences: list[str]) -> float:
    """The share of sentences that were said in another way, all with the same labels."""
    said = [paraphrase(sentence, generator(sentence)) for sentence in sentences]
    for sentence, other in zip(sentences, said, strict=True):
        assert labels_of(other) == labels_of(sentence), (sentence, other)
        assert len(DENIALS.findall(other)) == len(DENIALS.findall(sentence)), (sentence, other)
    return sum(one != other for one, other in zip(sentences, said, strict=True)) / len(said)
