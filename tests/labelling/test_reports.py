"""What the sentences of a report come to together."""

from __future__ import annotations

from plainfilm.labelling import Labeller
from plainfilm.labelling.reports import read_report
from plainfilm.types import State

LABELLER = Labeller.load()


def states(*sentences: str) -> dict[str, State]:
    return read_report(sentences, LABELLER).states


def test_a_correction_replaces_what_it_states_anew() -> None:
    found = states(
        "Right pneumothorax.", "Small effusion.", "Please disregard the above; there is no pneumothorax."
    )
    assert found == {"Pneumothorax": State.NEGATIVE, "Pleural Effusion": State.POSITIVE}


def test_an_addition_replaces_nothing() -> None:
    assert states("No pneumothorax.", "On review there is a small pneumothorax.")["Pneumothorax"] in (
        State.POSITIVE,
        State.UNCERTAIN,
    )


def test_sentences_keep_their_own_labels() -> None:
    read = read_report(["No effusion.", "Cardiomegaly."], LABELLER)
    assert [[label.observation for label in labels] for labels in read.labels] == [
        ["Pleural Effusion"],
        ["Cardiomegaly"],
    ]
