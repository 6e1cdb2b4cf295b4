from __future__ import annotations

from plainfilm.labelling.mentions import MentionFinder
from plainfilm.labelling.vocabularies import Vocabulary, Wording

FINDER = MentionFinder(
    Vocabulary(
        name="test",
        version=1,
        observations={
            "Heart": Wording(
                present=("heart <3> (large|normal)",),
                absent=("heart <3> normal",),
                possible=("heart borderline",),
            ),
            "Mass": Wording(present=("mass", "mass like"), exclude=("thyroid mass",)),
        },
    )
)


def found(text: str) -> list[tuple[str, str, str]]:
    return [(m.observation, m.kind, text[m.start : m.end]) for m in FINDER.find(text)]


def test_every_mention_is_found_in_the_order_of_the_vocabulary() -> None:
    assert found("mass and heart is large") == [
        ("Heart", "present", "heart is large"),
        ("Mass", "present", "mass"),
    ]


def test_a_more_special_kind_claims_its_words() -> None:
    assert found("heart normal") == [("Heart", "absent", "heart normal")]
    assert found("heart borderline normal") == [("Heart", "possible", "heart borderline")]


def test_what_is_excluded_is_no_mention() -> None:
    assert found("thyroid mass") == []
    assert found("thyroid mass, lung mass") == [("Mass", "present", "mass")]


def test_the_same_words_are_one_mention() -> None:
    assert found("mass-like") == [("Mass", "present", "mass-like")]
