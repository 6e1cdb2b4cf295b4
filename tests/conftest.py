"""Fixtures shared by every test: real data where it is there, and a small phantom world."""

from __future__ import annotations

from pathlib import Path

import pytest

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The pack of real films and reports beside the checkout."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"real films are not here: {REAL_DATA} does not exist")
    return REAL_DATA
