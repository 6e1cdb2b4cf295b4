"""The contract of an interchange format: one file that writes a collection as another system reads it.

A format module has two names:

    Config                          a `FormatConfig`: the options of this format
    write(collection, out, config)  writes the files to the folder `out`; returns a `Written`

What a format cannot hold is counted in `Written.left_out`, so that nothing is lost without a word. Reading
is done by a source (`sources/`) where the format is not one that `table` or a corpus' own source reads.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from plainfilm import plugins
from plainfilm.collection.collection import Collection
from plainfilm.config import Settings
from plainfilm.errors import DataError
from plainfilm.io.files import replacing

SPLIT_FILES = {"train": "train", "validation": "val", "test": "test"}
"""How most systems call the files of the splits."""
VALID_FILES = {**SPLIT_FILES, "validation": "valid"}
"""How CheXpert and CXR-CLIP call them."""


class FormatConfig(Settings):
    """The options of every format. images: "refer" names the collection's own files by their full paths;
    "link" and "copy" put them into the folder that is written.
    """

    images: Literal["refer", "link", "copy"] = "refer"


@dataclass(frozen=True)
class Written:
    """The files a format wrote, how many rows, and what it could not hold, in a person's words."""

    files: tuple[Path, ...]
    rows: int
    left_out: tuple[str, ...] = ()


class Format(Protocol):
    """What a module of this folder offers."""

    Config: type[FormatConfig]

    def write(self, collection: Collection, out: Path, config: Any) -> Written:
        """Writes the collection below the folder `out`."""
        ...


def interchange_format(name: str) -> Format:
    """The format called `name` (see `plugins.resolve`)."""
    return cast(Format, plugins.resolve("interchange format", name))


def put_image(source: Path, target: Path, how: Literal["refer", "link", "copy"]) -> Path:
    """Where a stored film is to be found: `source` itself, or `target` made from it.

    Raises:
        DataError: the film is missing, or `target` cannot be written.
    """
    if how == "refer":
        return source.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        if how == "link":
            target.symlink_to(source.resolve(strict=True))
        else:
            shutil.copyfile(source, target)
    except OSError as error:
        raise DataError(f"{target}: cannot be made from {source} ({error.strerror or error})") from None
    return target.absolute()


def write_rows(path: Path, header: Sequence[str] | None, rows: Iterable[Sequence[object]]) -> int:
    """Writes a CSV file atomically, without a header where it is `None`; returns the number of rows.

    Raises:
        DataError: the file cannot be written.
    """
    count = 0
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        if header is not None:
            writer.writerow(header)
        for row in rows:
            writer.writerow(["" if cell is None else cell for cell in row])
            count += 1
    return count


def told(counts: dict[str, int]) -> tuple[str, ...]:
    """Sentences on what was left out, those that count nothing dropped.

    >>> told({"films of unknown view": 2, "boxes": 0})
    ('2 films of unknown view',)
    """
    return tuple(f"{count} {what}" for what, count in counts.items() if count)
