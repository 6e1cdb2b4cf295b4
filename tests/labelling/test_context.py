from __future__ import annotations

import pytest

from plainfilm.labelling.context import Context
from plainfilm.labelling.mentions import Mention


def statuses(text: str) -> list[str]:
    """What becomes of every word of one capital letter in `text`."""
    places = [place for place, character in enumerate(text) if character.isupper()]
    mentions = [Mention(text[place], "present", place, place + 1) for place in places]
    return decide(text.lower(), mentions)


def decide(text: str, mentions: list[Mention]) -> list[str]:
    return [decision.status for decision in Context.load().decide(text, text.split(), mentions)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("small X", "stated"),
        ("no X", "negated"),
        ("X is not seen", "negated"),
        ("X has resolved", "negated"),
        ("possible X", "uncertain"),
        ("probable X", "likely"),
        ("X is likely", "likely"),
        ("may be due to X", "uncertain"),
        ("X suspected", "uncertain"),
        ("X could have this appearance", "uncertain"),
        ("could obscure X", "void"),
        ("X not seen on the lateral view", "stated"),
        ("nearly resolved X", "stated"),
        ("X cannot be excluded", "uncertain"),
        ("no change in X", "stated"),
        ("not sensitive for X", "void"),
        ("findings consistent with X", "stated"),
        ("non-displaced X", "stated"),
        ("non homogeneous X", "stated"),
        ("non-obstructing X", "stated"),
        ("may be consistent with X", "uncertain"),
        ("a previously questioned X is not seen", "negated"),
        ("ensure resolution of the X", "stated"),
        ("interval near complete resolution of the X", "stated"),
        ("complete resolution of the X", "negated"),
        ("skin folds simulating X", "void"),
        ("a small X could be missed", "void"),
        ("it is unclear whether there is X", "uncertain"),
        ("the X has been withdrawn", "negated"),
        ("the X has been withdrawn by 2 cm", "stated"),
    ],
)
def test_one_mention(text: str, expected: str) -> None:
    assert statuses(text) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no X, Y or Z", ["negated", "negated", "negated"]),
        ("no X but Y", ["negated", "stated"]),
        ("no X; Y", ["negated", "stated"]),
        ("no X with Y", ["negated", "stated"]),
        ("X without Y", ["stated", "negated"]),
        ("X is larger and Y has resolved", ["stated", "negated"]),
        ("X and Y are not seen", ["negated", "negated"]),
        ("possible X, no Y", ["uncertain", "negated"]),
        ("X or Y", ["likely", "likely"]),
        ("X in the base, Y versus Z", ["stated", "likely", "likely"]),
        ("no X or Y", ["negated", "negated"]),
        ("no change in X or Y", ["stated", "stated"]),
        ("no X, and the Y is larger", ["negated", "stated"]),
        ("without X, the Y may persist", ["negated", "stated"]),
        ("no X heart is large with Y", ["negated", "stated"]),
        ("pleura: no X bones: Y", ["negated", "stated"]),
        ("X (+), Y (-)", ["stated", "negated"]),
        ("X, Y is less likely", ["stated", "uncertain"]),
        ("no X after removal of the Y", ["negated", "negated"]),
        ("no X after insertion of the Y", ["negated", "stated"]),
        ("X with Y or Z", ["stated", "likely", "likely"]),
        ("no evidence that the heart is X", ["negated"]),
    ],
)
def test_how_far_a_cue_reaches(text: str, expected: list[str]) -> None:
    assert statuses(text) == expected


def test_or_beside_a_single_mention_changes_nothing() -> None:
    assert statuses("X or so") == ["stated"]


def test_versus_beside_a_single_mention_does() -> None:
    assert statuses("X versus artifact") == ["likely"]


def test_a_cue_inside_a_mention_counts() -> None:
    text = "heart is not enlarged"
    assert decide(text, [Mention("a", "present", 0, len(text))]) == ["negated"]
    assert decide(text, [Mention("a", "absent", 0, len(text))]) == ["stated"]


def test_a_change_that_is_the_finding_is_denied() -> None:
    assert decide("no fibrotic change.", [Mention("Fibrosis", "present", 3, 11)]) == ["negated"]
    assert decide("no fibrotic change.", [Mention("Fibrosis", "present", 3, 18)]) == ["negated"]
    assert decide("no effusion change.", [Mention("Effusion", "present", 3, 11)]) == ["stated"]


@pytest.mark.parametrize("before", ["no", "possible", "probable", "without", "no definite"])
@pytest.mark.parametrize("after", ["could be missed", "may be obscured", "might be radiographically occult"])
def test_a_void_cue_after_a_mention_wins_over_any_before_it(before: str, after: str) -> None:
    assert statuses(f"{before} X {after}") == ["void"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("basal X, Y not excluded", ["stated", "uncertain"]),
        ("left X, and Y cannot be excluded", ["uncertain", "uncertain"]),
        ("X, Y or Z cannot be excluded", ["uncertain", "uncertain", "uncertain"]),
        ("X cannot be excluded", ["uncertain"]),
        ("X, Y not seen", ["negated", "negated"]),
        ("no X worrisome for Y", ["negated", "negated"]),
    ],
)
def test_what_a_doubt_or_denial_behind_two_findings_is_of(text: str, expected: list[str]) -> None:
    assert statuses(text) == expected


def test_a_row_of_dashes_behind_a_colon_takes_no_time_to_speak_of() -> None:
    """Words with a dash in them and dashes between words once had ways to be told apart without end."""
    assert statuses("no x: y X-" + " -" * 400) == ["negated"]
