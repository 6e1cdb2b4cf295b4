"""Lists of images by split, as REFERS publishes them: `name label label ...` a line, no header.

The files are `train.txt`, `val.txt` (or `valid.txt`) and `test.txt`; lines may end in CRLF, and a name may
have spaces in it (Zhou et al., "Generalized radiograph representation learning via cross-supervision between
images and free-text radiology reports", Nature Machine Intelligence 4, 2022).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from plainfilm.errors import SourceError
from plainfilm.io import paths
from plainfilm.sources.base import by_split, number_of, split_of
from plainfilm.types import Rejection


@dataclass(frozen=True, slots=True)
class Listed:
    """One line: the image's name as written, its split, its numbers, and where it stands."""

    name: str
    split: str
    values: tuple[float, ...]
    place: str


@dataclass(frozen=True)
class ImageLists:
    """Every listed image by its name, and the lines that cannot be used."""

    images: dict[str, Listed] = field(default_factory=dict)
    rejections: list[Rejection] = field(default_factory=list)

    def unseen(self, names: Sequence[str], where: str) -> Iterator[Rejection]:
        """A rejection for every listed image that is not among `names`."""
        known = set(names)
        for listed in self.images.values():
            if listed.name not in known:
                yield Rejection(listed.name, f"{listed.place} lists it, but it is not {where}")


def read_lists(folder: Path) -> ImageLists:
    """The lists in `folder`. A name for the second time is a rejection, whatever the list.

    Raises:
        SourceError: no such folder, or no list in it.
    """
    found = paths.files_in(folder, "*.txt")
    files = by_split(file for file in found if split_of(file.stem))
    if not files:
        raise SourceError(
            f"{folder}: holds none of the lists train.txt, val.txt, test.txt; name their folder"
        )
    lists = ImageLists()
    for file, split in files:
        for listed in read_list(file, split):
            before = lists.images.setdefault(listed.name, listed)
            if before is not listed:
                reason = f"{listed.place} lists it again; {before.place} is taken"
                lists.rejections.append(Rejection(listed.name, reason))
    return lists


def read_list(file: Path, split: str) -> Iterator[Listed]:
    """The lines of one list that are not blank.

    Raises:
        SourceError: the file cannot be read as text.
    """
    try:
        lines = paths.read_text(file).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{file}: cannot be read as text ({error})") from None
    for number, line in enumerate(lines, start=1):
        words = line.split()
        values: list[float] = []
        while len(words) > 1 and (value := number_of(words[-1])) is not None:
            values.insert(0, value)
            words.pop()
        if words:
            yield Listed(" ".join(words), split, tuple(values), f"{file.name} line {number}")
