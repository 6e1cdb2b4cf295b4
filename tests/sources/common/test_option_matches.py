from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.errors import SourceError
from plainfilm.sources.common.option_matches import require_nearly_all


def test_an_option_that_fits_nearly_all_rows_passes() -> None:
    require_nearly_all("x=1", lambda cell: cell != "odd", ["a"] * 19 + ["odd"], Path("t.csv"))
    require_nearly_all("x=1", lambda cell: False, [], Path("t.csv"))


def test_an_option_that_fits_few_rows_is_an_error_with_an_example() -> None:
    with pytest.raises(SourceError, match="t.csv: option x=1 fits 1 of 3 rows, and not 'b'"):
        require_nearly_all("x=1", lambda cell: cell == "a", ["a", "b", "c"], Path("t.csv"))
