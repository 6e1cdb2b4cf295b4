from __future__ import annotations

import re
from pathlib import Path

import pytest

from plainfilm.errors import ConfigError
from plainfilm.prompts import load_pack, pack_names
from plainfilm.prompts.lint import lint
from plainfilm.prompts.pack_file import STATES
from plainfilm.sources.common.vindr_classes import vindr_classes
from plainfilm.sources.nih14 import FINDINGS
from plainfilm.types import State


def problems(folder: Path, observations: str, head: str = "vocabularies: [chexpert]") -> list[str]:
    path = folder / "pack.yaml"
    path.write_text(f"name: a\nversion: 1\n{head}\nobservations:\n{observations}\n", encoding="utf-8")
    return [f"{problem.kind}: {problem}" for problem in lint(path)]


@pytest.mark.parametrize("name", pack_names())
def test_shipped_packs_are_clean(name: str) -> None:
    assert lint(name) == []


@pytest.mark.parametrize(
    ("observations", "told"),
    [
        ("  A: {positive: [a], negative: [b, ' ']}", "blank: A, negative: a sentence of ' ' is blank"),
        ("  A: {positive: ['{x}'], negative: [b]}", "template: A, positive: no words for {x}"),
        ("  A: {positive: [a]}", "missing: A, negative: no sentence: it cannot be denied"),
        ("  A: {positive: [a, A.], negative: [b]}", "duplicate: A, positive: 'A.' occurs twice"),
        (
            "  A: {positive: [a], negative: [A.]}",
            "duplicate: A, negative: 'A.' occurs also under A, positive",
        ),
        ("  A: {positive: [a], negative: [b], implies: [C]}", "unknown: A implies names 'C'"),
        ("  A: {positive: [a], negative: [b], labelled_as: C}", "unknown: A: labelled_as 'C' is in no"),
        (
            "  A: {positive: [a], negative: [b]}\n  A: {positive: [c], negative: [d]}",
            "duplicate: key 'A' occurs twice",
        ),
        (
            "  Edema: {positive: [No edema.], negative: [Edema is absent.]}",
            "polarity: Edema, positive: 'No edema.' is negative to the labeller",
        ),
        (
            "  Edema: {positive: [Water.], negative: [No edema.]}",
            "polarity: Edema, positive: 'Water.' names no such thing",
        ),
        (
            "  Edema: {positive: [Edema and effusion.], negative: [No edema.]}\n"
            "  Pleural Effusion: {positive: [Effusion.], negative: [No effusion.]}",
            "several: Edema, positive: 'Edema and effusion.' also mentions Pleural Effusion",
        ),
        (
            "  Goitre: {words: {finding: [goitre]}, positive: ['No {finding}.'], negative: [b]}",
            "polarity: Goitre, positive: 'No goitre.' is negative to the labeller",
        ),
    ],
)
def test_a_problem_is_told(tmp_path: Path, observations: str, told: str) -> None:
    found = problems(tmp_path, observations)
    assert len(found) == 1
    assert found[0].startswith(told)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, "  A: {positive: ['{x}', ' '], negative: []}")) == 3


def test_names_that_lead_nowhere_are_told(tmp_path: Path) -> None:
    head = "vocabularies: [chexprt]\nnormal: B\naliases: {A: A}\nsets: {s: [C]}"
    found = problems(tmp_path, "  A: {positive: [a], negative: [b]}", head)
    assert [line.split(":")[0] for line in found] == ["unknown"] * 4


def test_labels_are_compared_both_ways() -> None:
    found = lint("siim", ["Pneumothorax", "Pnuemonia"])
    assert ["has no observation 'Pnuemonia'" in str(problem) for problem in found] == [True]
    assert [problem.is_note for problem in lint("siim", [])] == [True]


def test_a_blank_of_the_published_form_is_told(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text('{"A": {"pos": ["a"], "neg": [""], "unc": [""]}}')
    assert [str(problem) for problem in lint(path)] == ["A, negative: no sentence: it cannot be denied"]


def test_a_key_of_the_published_form_that_stands_twice_is_told(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text('{\n\t"A": {"pos": ["a"], "neg": ["b"]},\n\t"A": {"pos": ["c"], "neg": ["d"]}\n}')
    assert [problem.message for problem in lint(path)] == [
        "key 'A' occurs twice in one mapping, and only the last counts"
    ]


def test_a_file_that_is_no_pack_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"A": {"positive": []}}')
    with pytest.raises(ConfigError, match="did you mean 'pos'"):
        lint(tmp_path / "a.json")


def test_the_packs_have_the_classes_of_their_tables() -> None:
    assert set(FINDINGS) < set(load_pack("nih14").observations)
    vindr, classes = load_pack("vindr_cxr"), vindr_classes()
    assert set(vindr.observations) == set(classes.every)
    assert vindr.sets["cxr_clip"] == tuple(classes.sets["cxr_clip"])


def test_the_chinese_pack_denies_and_states() -> None:
    pack = load_pack("cgmh-zh-TW")
    assert pack.observations == load_pack("cgmh").observations
    for name in pack.observations:
        assert all(any(sign in text for sign in "無未沒") for text in pack.sentences(name, State.NEGATIVE))
        assert not any(sign in text for text in pack.sentences(name, State.POSITIVE) for sign in "無未沒")


def test_the_documented_counts_are_those_of_the_packs() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "prompts.md").read_text("utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| ([^|]+) \| (\d+) \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
    assert len(rows) > 40
    for name, observation, *counts in rows:
        pack = load_pack(name)
        assert [len(pack.sentences(observation, state)) for state in STATES.values()] == list(
            map(int, counts)
        )
