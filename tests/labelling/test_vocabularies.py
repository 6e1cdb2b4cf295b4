from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.errors import ConfigError
from plainfilm.labelling.vocabularies import CHEXPERT_OBSERVATIONS, FIVE, load_vocabulary, vocabulary_names


def test_the_chexpert_observations_are_the_published_fourteen() -> None:
    assert tuple(load_vocabulary("chexpert").observations) == CHEXPERT_OBSERVATIONS
    assert len(CHEXPERT_OBSERVATIONS) == 14
    assert set(FIVE) < set(CHEXPERT_OBSERVATIONS)


@pytest.mark.parametrize("name", vocabulary_names())
def test_every_observation_can_be_found(name: str) -> None:
    assert all(wording.present for wording in load_vocabulary(name).observations.values())


def test_the_nih_observations_are_the_published_fourteen() -> None:
    assert tuple(load_vocabulary("nih14").observations) == (
        "No Finding",
        "Atelectasis",
        "Cardiomegaly",
        "Effusion",
        "Infiltration",
        "Mass",
        "Nodule",
        "Pneumonia",
        "Pneumothorax",
        "Consolidation",
        "Edema",
        "Emphysema",
        "Fibrosis",
        "Pleural_Thickening",
        "Hernia",
    )


def test_context_rules_are_no_vocabulary() -> None:
    assert vocabulary_names() == ["chexpert", "nih14"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: x\nversion: 1\nobservations: {}\n", "'observations'"),
        ("name: x\nversion: 0\nobservations: {A: {}}\n", "'version' is 0"),
        ("name: x\nversion: 1\nobservations: {A: {presnt: [a]}}\n", "unknown key 'observations.A.presnt'"),
        ("name: x\nversion: 1\n", "key 'observations' is missing"),
        ("- 1\n", "expected a mapping"),
        ("a: [\n", "not valid YAML"),
    ],
)
def test_a_file_that_is_no_vocabulary(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_vocabulary(str(tmp_path / "mine.yaml"))
    assert "mine.yaml" in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_vocabulary(str(tmp_path / "none.yaml"))
