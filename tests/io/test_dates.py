from __future__ import annotations

from datetime import date

import pytest

from plainfilm.io.dates import ways_to_write


@pytest.mark.parametrize(
    "written",
    [
        *("2020-03-05", "20200305", "05.03.2020", "5.3.2020", "3/5/2020", "03/05/20", "5.3.20", "2020/3/5"),
        *("March 5, 2020", "Mar 5, 2020", "5 March 2020", "05-Mar-2020", "March 5th, 2020", "5. March 2020"),
        *("2020年3月5日", "2020年03月05日", "令和2年3月5日", "2020년 3월 5일", "5/3/2563"),
    ],
)
def test_a_day_is_written_in_many_ways(written: str) -> None:
    assert written in set(ways_to_write(date(2020, 3, 5)))
