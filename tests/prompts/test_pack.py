from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest

from plainfilm.errors import ConfigError, DataError
from plainfilm.prompts import PromptPack, Prompts, load_pack
from plainfilm.seeding import generator
from plainfilm.sources.cgmh import LABELS
from plainfilm.types import State

POSITIVE, NEGATIVE, UNCERTAIN = State.POSITIVE, State.NEGATIVE, State.UNCERTAIN


@pytest.fixture(scope="module")
def cxr() -> PromptPack:
    return load_pack("cxr")


@pytest.fixture(scope="module")
def cgmh() -> PromptPack:
    return load_pack("cgmh")


def written(path: Path, text: str) -> PromptPack:
    path.write_text(text, encoding="utf-8")
    return load_pack(path)


def test_a_state_has_sentences(cxr: PromptPack) -> None:
    assert "No pneumothorax." in cxr.sentences("Pneumothorax", NEGATIVE)


def test_an_alias_means_its_observation(cxr: PromptPack) -> None:
    assert cxr.sentences("Effusion", POSITIVE) == cxr.sentences("Pleural Effusion", POSITIVE)


def test_an_unknown_observation_gets_the_nearest(cxr: PromptPack) -> None:
    with pytest.raises(ConfigError, match="did you mean 'Pneumothorax'"):
        cxr.sentences("Pneumotorax", POSITIVE)


def test_an_unknown_pack_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'cgmh'"):
        load_pack("cgmhh")


def test_labels_of_the_hospital_are_observations(cgmh: PromptPack) -> None:
    assert cgmh.observations == LABELS


def test_a_state_without_sentences_has_none(cxr: PromptPack) -> None:
    assert cxr.sentences("No Finding", UNCERTAIN) == ()


def test_ensembles_are_the_sentences(cxr: PromptPack) -> None:
    prompts = cxr.zero_shot("Mass")
    assert prompts == Prompts(cxr.sentences("Mass", POSITIVE), cxr.sentences("Mass", NEGATIVE))


def test_each_label_is_one_sentence(cxr: PromptPack) -> None:
    states = {"Edema": POSITIVE, "Fracture": NEGATIVE, "Pneumonia": UNCERTAIN}
    report = cxr.report(states, generator(0))
    for name, state in states.items():
        assert sum(sentence in report for sentence in cxr.sentences(name, state)) >= 1
    assert report.count(".") == 3


def test_a_seed_gives_one_report(cxr: PromptPack) -> None:
    states = {"Edema": POSITIVE, "Mass": POSITIVE}
    assert cxr.report(states, generator(3)) == cxr.report(states, generator(3))
    assert len({cxr.report(states, generator(seed)) for seed in range(20)}) > 10


def test_sentences_come_in_any_order(cxr: PromptPack) -> None:
    states = {"Edema": POSITIVE, "Pneumothorax": NEGATIVE}
    firsts = {cxr.report(states, generator(seed)).split(".")[0].startswith("No") for seed in range(20)}
    assert firsts == {True, False}


def test_negatives_are_drawn_from_what_is_known_to_be_absent(cgmh: PromptPack) -> None:
    absent = ("Pneumothorax", "Foreign body")
    report = cgmh.report({"Pneumomediastinum": POSITIVE}, generator(0), 5, absent)
    assert report.count(".") == 3
    assert "pneumothorax" in report.lower()


def test_what_a_positive_implies_is_never_denied(cxr: PromptPack) -> None:
    denied = cxr.sentences("Lung Lesion", NEGATIVE)
    for seed in range(10):
        report = cxr.report({"Mass": POSITIVE}, generator(seed), 1, ["Lung Lesion", "Hernia"])
        assert not any(sentence in report for sentence in denied)


def test_a_report_may_be_so_many_sentences_of_what_there_is_to_say(cgmh: PromptPack) -> None:
    states = {"Pneumomediastinum": POSITIVE, "Pneumothorax": POSITIVE}
    absent = ["Foreign body"]
    reports = {cgmh.report(states, generator(seed), 1, absent, sentences=1) for seed in range(40)}
    assert {report.count(".") for report in reports} == {1}
    named = [(name, state) for name in (*states, *absent) for state in (POSITIVE, NEGATIVE)]
    said = {pair for pair in named if reports & set(cgmh.sentences(*pair))}
    assert said == {("Pneumomediastinum", POSITIVE), ("Pneumothorax", POSITIVE), ("Foreign body", NEGATIVE)}


def test_a_normal_row_is_no_finding(cxr: PromptPack) -> None:
    assert cxr.fixed({}, known_absent=cxr.sets["nih14"]) == cxr.sentences("No Finding", POSITIVE)[0]


def test_a_row_with_one_negative_is_not_yet_normal(cxr: PromptPack) -> None:
    assert cxr.fixed({"Pneumothorax": NEGATIVE}) == "No pneumothorax."


def test_a_normal_row_of_a_pack_without_no_finding_is_denials(cgmh: PromptPack) -> None:
    assert cgmh.fixed({}, known_absent=LABELS).count(".") == 3


def test_the_fixed_report_is_first_sentences_in_the_order_of_the_pack(cxr: PromptPack) -> None:
    fixed = cxr.fixed({"Fracture": POSITIVE, "Edema": POSITIVE})
    assert fixed == "There is pulmonary edema. There is a fracture."


def test_fixed_negatives_depend_on_the_study_alone(cxr: PromptPack) -> None:
    def fixed(key: str) -> str:
        return cxr.fixed({"Hernia": POSITIVE}, 2, cxr.sets["nih14"], key)

    assert fixed("a") == fixed("a")
    assert len({fixed(str(study)) for study in range(20)}) > 5


def test_nothing_known_is_nothing_to_say(cxr: PromptPack) -> None:
    assert not cxr.covers({})
    with pytest.raises(DataError, match="without known states"):
        cxr.report({}, generator(0))


def test_an_uncertain_label_outweighs_a_negative_one_of_the_same_meaning(cxr: PromptPack) -> None:
    fixed = cxr.fixed({"Effusion": NEGATIVE, "Pleural Effusion": UNCERTAIN})
    assert fixed == cxr.sentences("Effusion", UNCERTAIN)[0]


def test_fewer_than_no_negatives_are_refused(cxr: PromptPack) -> None:
    with pytest.raises(ConfigError, match="-1 negatives"):
        cxr.report({"Mass": POSITIVE}, generator(0), negatives=-1)


def test_the_fingerprint_is_of_the_sentences(tmp_path: Path) -> None:
    text = "name: a\nversion: 1\nobservations: {Mass: {positive: [A mass.]}}\n"
    first = written(tmp_path / "a.yaml", text).fingerprint
    assert written(tmp_path / "a.yaml", text.replace("name: a", "name: b")).fingerprint == first
    assert written(tmp_path / "a.yaml", text.replace("A mass", "One mass")).fingerprint != first


def test_a_pack_travels_to_another_process(cxr: PromptPack) -> None:
    assert pickle.loads(pickle.dumps(cxr)) == cxr


def test_the_published_form_is_read(tmp_path: Path) -> None:
    path = tmp_path / "train_prompts_site.json"
    path.write_text(json.dumps({"Goitre": {"pos": ["A goitre."], "neg": [""], "unc": [""]}}))
    pack = load_pack(path)
    assert pack.sentences("Goitre", POSITIVE) == ("A goitre.",)
    assert pack.sentences("Goitre", NEGATIVE) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("observations: {A: {positive: ['{fidning}']}}", "no words for {fidning}: did you mean 'finding'"),
        ("observations: {A: {positive: [' ']}}", "A, positive: a sentence is blank"),
        ("observations: {A: {positiv: [a]}}", "did you mean 'positive'"),
        ("observations: {A: {positive: ['{a']}}", "belongs to no slot"),
        ("aliases: {B: C}\nobservations: {A: {}}", "alias 'B' names 'C'"),
        ("observations: {A: {implies: [AB]}}", "'A' implies names 'AB'"),
        ("observations: {}", "observations"),
    ],
)
def test_a_pack_that_cannot_be_used_is_one_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        written(tmp_path / "a.yaml", f"name: a\nversion: 1\nwords: {{finding: [goitre]}}\n{text}\n")
    assert words in str(error.value)
    assert "\n" not in str(error.value)
