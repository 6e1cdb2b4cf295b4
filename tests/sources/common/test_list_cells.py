from __future__ import annotations

import pytest

from plainfilm.sources.common.list_cells import list_of, names_of


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
