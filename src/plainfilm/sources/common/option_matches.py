"""Options that pick something out of every row: one that picks nothing is an error."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from plainfilm.errors import SourceError
from plainfilm.sources.base import shown

NEARLY_ALL = 0.95
"""An option that fits a smaller share of the rows is an error."""


def require_some(option: str, fits: Callable[[str], bool], cells: Iterable[str], where: Path) -> None:
    """Checks that an option fits some of the cells that it is for, where others are told one by one.

    Raises:
        SourceError: it fits none.
    """
    require_nearly_all(option, fits, cells, where, share=0.0)


def require_nearly_all(
    option: str,
    fits: Callable[[str], bool],
    cells: Iterable[str],
    where: Path,
    share: float = NEARLY_ALL,
) -> None:
    """Checks that an option fits nearly all of the cells that it is for.

    Raises:
        SourceError: it does not; with how many it fits, and one that it does not fit.
    """
    total, fitting, example = 0, 0, ""
    for cell in cells:
        total += 1
        if fits(cell):
            fitting += 1
        else:
            example = example or cell
    if fitting < share * total or (total and not fitting):
        raise SourceError(
            f"{where}: option {option} fits {fitting} of {total} rows, and not '{shown(example)}'; "
            "mend the option"
        )
