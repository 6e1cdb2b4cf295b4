from __future__ import annotations

import re
from pathlib import Path

import pytest

from plainfilm.io import limits

PAGE = Path(__file__).resolve().parents[2] / "docs" / "limits.md"
NAMES = [name for name in vars(limits) if name.isupper()]


@pytest.mark.parametrize("name", NAMES)
def test_the_page_states_every_limit(name: str) -> None:
    (row,) = re.findall(rf"^\|[^|]*\|([^|]*)\| `{name}` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    value = getattr(limits, name)
    stated = f"{value:g}" if name.startswith("SECONDS") else f"{value:,}"
    assert row.split()[0] == stated


def test_the_page_states_no_other() -> None:
    assert set(re.findall(r"\| `([A-Z_]+)` \|", PAGE.read_text("utf-8"))) == set(NAMES)
