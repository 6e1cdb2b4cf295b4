from __future__ import annotations

import pytest

from plainfilm.sources.common.person_ids import People, identifier, is_rounded, person_key


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("10000.0", "10000"),
        ("10000,00", "10000"),
        (" 10000 ", "10000"),
        ("1.0001e+04", "10001"),
        ("1E4", "1E4"),
        ('="007"', "007"),
        ("'007", "007"),
        ("１２３", "123"),
        ("P\u00a0 7\u200b", "P 7"),
        ("s1.5", "s1.5"),
        ("3.01", "3.01"),
    ],
)
def test_what_a_spreadsheet_added_is_taken_off(cell: str, said: str) -> None:
    assert identifier(cell) == said


@pytest.mark.parametrize("pair", [("10000", "10000.0"), ("00123", "123"), ("P7", "p 7"), ("MRN007", "mrn7")])
def test_spellings_of_one_person(pair: tuple[str, str]) -> None:
    assert person_key(pair[0]) == person_key(pair[1])


@pytest.mark.parametrize(
    "pair", [("100", "10"), ("3.01", "3.1"), ("P1-02", "P1-2"), ("a", "b"), ("0", "00a")]
)
def test_other_people(pair: tuple[str, str]) -> None:
    assert person_key(pair[0]) != person_key(pair[1])


def test_people_are_called_as_they_were_first() -> None:
    people = People()
    assert [people(cell) for cell in ("007", "7", "8", "7.0", "", "1.2E+08")] == [
        "007",
        "007",
        "8",
        "007",
        "",
        "",
    ]
    assert (people.respelled, people.other_spelling) == (1, ("7", "007"))


def test_a_rounded_number_is_known_as_one() -> None:
    assert is_rounded("1.23E+08")
    assert not is_rounded("123")
