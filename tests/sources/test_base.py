from __future__ import annotations

import pytest

from plainfilm.errors import ConfigError
from plainfilm.sources.base import age_of, is_blank, sex_of, source, split_of, state_of, view_of
from plainfilm.types import State, View


@pytest.mark.parametrize(
    ("cell", "view"),
    [
        ("PA", View.PA),
        ("ap supine", View.AP_SUPINE),
        ("AP Supine", View.AP_SUPINE),
        ("L", View.LATERAL),
        ("LL", View.LATERAL),
        ("postero-anterior", View.PA),
        ("LPO", View.UNKNOWN),
        ("AP LLD", View.UNKNOWN),
        ("", View.UNKNOWN),
    ],
)
def test_view_names(cell: str, view: View) -> None:
    assert view_of(cell) is view


@pytest.mark.parametrize("cell", ["0", "0.0", "negative", " False "])
def test_negative_states(cell: str) -> None:
    assert state_of(cell) is State.NEGATIVE


@pytest.mark.parametrize("cell", ["2", "0.5", "yes?", "", "nan", "inf"])
def test_what_is_no_state(cell: str) -> None:
    assert state_of(cell) is None


def test_split_names() -> None:
    assert [split_of(cell) for cell in ("VAL", "validate", "training", "gold")] == [
        "validation",
        "validation",
        "train",
        None,
    ]


def test_ages() -> None:
    assert [age_of(cell) for cell in ("007Y", "52.1775W", "431", "-3", "")] == [7.0, 1.0, None, None, None]


def test_sexes() -> None:
    assert [sex_of(cell) for cell in ("Female", "m", "O")] == ["F", "M", None]


def test_blanks() -> None:
    assert [is_blank(cell) for cell in (" ", "NaN", "None", "0", "no")] == [True, True, True, False, False]


def test_unknown_source_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'mimic_cxr'"):
        source("mimic-cxr")
