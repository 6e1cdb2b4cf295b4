"""The ways in which reports write a day."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from datetime import date
from itertools import product

_ERAS = (("令和", 2018), ("平成", 1988), ("昭和", 1925), ("大正", 1911))
"""Japanese eras, and the year before their first."""

_BUDDHIST = 543
"""Years that the Thai calendar is ahead."""


def ways_to_write(day: date) -> Iterator[str]:
    """A day in figures, in English words, and as East Asian and Thai reports write it."""
    yield from _in_figures(day)
    yield from _in_words(day)
    years = [str(day.year), *(f"{era}{day.year - first}" for era, first in _ERAS if day.year > first)]
    for year, gap in product(years, ("", " ")):
        yield f"{year}年{gap}{day.month}月{gap}{day.day}日"
        yield f"{year}年{gap}{day:%m}月{gap}{day:%d}日"
    for gap in ("", " "):
        yield f"{day.year}년{gap}{day.month}월{gap}{day.day}일"
        yield f"{day.year}년{gap}{day:%m}월{gap}{day:%d}일"


def _in_figures(day: date) -> Iterator[str]:
    years = (f"{day:%Y}", f"{day:%y}", str(day.year + _BUDDHIST))
    numbers = ((f"{day:%m}", f"{day:%d}"), (str(day.month), str(day.day)))
    for year, (month, number) in product(years, numbers):
        for sign in ("-", ".", "/"):
            for parts in ((year, month, number), (number, month, year), (month, number, year)):
                yield sign.join(parts)
    for parts in (("%Y", "%m", "%d"), ("%d", "%m", "%Y"), ("%m", "%d", "%Y")):
        yield day.strftime("".join(parts))


def _in_words(day: date) -> Iterator[str]:
    ending = {1: "st", 2: "nd", 3: "rd"}.get(day.day % 10 if day.day not in (11, 12, 13) else 0, "th")
    months = dict.fromkeys((calendar.month_name[day.month], calendar.month_abbr[day.month]))
    for month, number in product(months, (f"{day.day}", f"{day.day}{ending}", f"{day:%d}")):
        yield from (f"{month} {number}, {day.year}", f"{month} {number} {day.year}")
        yield from (
            f"{number} {month} {day.year}",
            f"{number}-{month}-{day.year}",
            f"{number}. {month} {day.year}",
        )
