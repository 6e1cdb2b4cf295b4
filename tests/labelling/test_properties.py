"""What holds for every text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from plainfilm.labelling import Labeller
from plainfilm.labelling.explain import explain_report
from plainfilm.labelling.vocabularies import NO_FINDING, vocabulary_names
from plainfilm.text.sentences import split_sentences
from plainfilm.types import Label, State

LABELLERS = [Labeller.load(name) for name in vocabulary_names()]
SENTENCES = [
    "Small left effusion.",
    "No pneumothorax.",
    "Possible edema or pneumonia.",
    "The heart is not enlarged.",
    "The nodule has resolved.",
    "Unchanged fibrosis with atelectasis.",
    "Lungs are clear.",
    "XXXX opacity.",
]
NEGATED = ["No acute fracture.", "Without hernia.", "There is no mass.", "No emphysema is seen."]

reports = st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=6)


def label(labeller: Labeller, texts: list[str]) -> list[list[Label]]:
    return labeller.label_sentences(split_sentences(" ".join(texts)))


@given(st.text() | st.text("no possible effusion.,;:?()\n\tÄé心XXX___", max_size=200))
def test_any_text_gives_spans_inside_it(text: str) -> None:
    for labeller in LABELLERS:
        for _, found in explain_report(text, labeller).labels:
            assert 0 <= found.start < found.end <= len(text)


@given(reports, st.randoms())
def test_the_order_of_sentences_does_not_change_their_labels(texts: list[str], rng) -> None:
    shuffled = list(range(len(texts)))
    rng.shuffle(shuffled)
    for labeller in LABELLERS:
        straight = label(labeller, texts)
        other = label(labeller, [texts[place] for place in shuffled])
        said = [[(one.observation, one.state, one.rule) for one in labels] for labels in straight]
        assert [said[place] for place in shuffled] == [
            [(one.observation, one.state, one.rule) for one in labels] for labels in other
        ]


@given(reports, st.sampled_from(NEGATED), st.integers(0, 6))
def test_a_negated_sentence_more_turns_nothing_positive(texts: list[str], negated: str, place: int) -> None:
    for labeller in LABELLERS:
        before = labeller.aggregate(one for labels in label(labeller, texts) for one in labels)
        more = [*texts[:place], negated, *texts[place:]]
        after = labeller.aggregate(one for labels in label(labeller, more) for one in labels)
        risen = {name for name, state in after.items() if state == State.POSITIVE} - {NO_FINDING}
        assert risen <= {name for name, state in before.items() if state == State.POSITIVE}
