from __future__ import annotations

import pytest

from plainfilm.sources.common.list_cells import is_broken_list, list_of, names_of, too_long_a_list


@pytest.mark.parametrize(
    ("cell", "entries"),
    [
        ("['a', 'b']", ["a", "b"]),
        ("('a',)", ["a"]),
        ("[see comparison]", ["[see comparison]"]),
        ("[" * 5000 + "]" * 5000, None),
        ("plain", ["plain"]),
        ("nan", []),
    ],
)
def test_list_cells(cell: str, entries: list[str] | None) -> None:
    assert list_of(cell) == ([cell] if entries is None else entries)


def test_a_list_cell_never_runs_code() -> None:
    cell = "[__import__('os').getcwd()]"
    assert list_of(cell) == [cell]


def test_names_are_separated_by_bar_or_semicolon_and_not_repeated() -> None:
    assert names_of("Mass; Edema|Mass|") == ["Mass", "Edema"]


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (str(["a.png"] * 300_000), "has a list of about 300,000 entries; at most 10,000 are read"),
        ("[" * 5000 + "]" * 5000, "has a list of more than 20 levels"),
        ("(" * 5000, "has a list of more than 20 levels"),
        (str([["Edema"], [], []]), None),
        ("A report, " * 20_000, None),
    ],
)
def test_lists_beyond_the_limits_are_not_parsed(cell: str, reason: str | None) -> None:
    assert too_long_a_list(cell) == reason


@pytest.mark.parametrize("cell", ["['a', 'b'", "[a, b]", "{'a'}", "('a', 'b'"])
def test_broken_lists(cell: str) -> None:
    assert is_broken_list(cell)
