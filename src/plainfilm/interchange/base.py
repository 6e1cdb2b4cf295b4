"""The contract of an interchange format: one file that writes a collection in another system's format.

A format module has two names:

    Config                          a `FormatConfig`: the options of this format
    write(collection, out, config)  writes the files to the folder `out`; returns a `Written`

`Written.left_out` counts the data that a format cannot hold, so that nothing is lost silently. A source
(`sources/`) reads the format, unless `table` or a corpus' own source does.
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
"""The names of split files in most systems."""
VALID_FILES = {**SPLIT_FILES, "validation": "valid"}
"""The names of split files in CheXpert and CXR-CLIP."""


class FormatConfig(Settings):
    """The options of every format. images: "refer" names the collection's own files by their full paths;
    "link" and "copy" put them into the output folder.
    """

    images: Literal["refer", "link", "copy"] = "refer"


@dataclass(frozen=True)
class Written:
    """The files of a format, the number of rows, and descriptions of the data left out."""

    files: tuple[Path, ...]
    rows: int
    left_out: tuple[str, ...] = ()


class Format(Protocol):
    """The names in a module of this folder."""

    Config: type[FormatConfig]

    def write(self, collection: Collection, out: Path, config: Any) -> Written:
        """Write the collection below the folder `out`."""
        ...


def interchange_format(name: str) -> Format:
    """The format called `name` (see `plugins.resolve`)."""
    return cast(Format, plugins.resolve("interchange format", name))


def put_image(source: Path, target: Path, how: Literal["refer", "link", "copy"]) -> Path:
    """The path of a stored image for a format: `source` itself, or `target` made from it.

    Raises:
        DataError: the image is missing, or `target` cannot be written.
    """
    if how == "refer":
        return source.resolve()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        if how == "link":
            target.symlink_to(source.resolve(strict=True))
        else:
            with replacing(target, flushed=False) as temporary:
                shutil.copyfile(source, temporary)
    except OSError as error:
        raise DataError(f"{target}: cannot be made from {source} ({error.strerror or error})") from None
    return target.absolute()


def write_rows(path: Path, header: Sequence[str] | None, rows: Iterable[Sequence[object]]) -> int:
    """Write a CSV file atomically, without a header if it is `None`; return the number of rows.

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


def left_out_lines(counts: dict[str, int]) -> tuple[str, ...]:
    """Descriptions of the data left out, without zero counts.

    >>> left_out_lines({"films of unknown view": 2, "boxes": 0})
    ('2 films of unknown view',)
    """
    return tuple(f"{count} {what}" for what, count in counts.items() if count)
