"""A download of a few tables and a file for each film: finding both, and the films that no table names."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from plainfilm.sources.cells.download import Shelf, downloaded, tables_below
from plainfilm.sources.cells.film_header import FILM_SUFFIXES
from plainfilm.types import Rejection, Study

COPY_SUFFIXES = (".png", ".jpg", ".jpeg")
"""Of films that somebody has converted."""


@dataclass(frozen=True)
class Download:
    """The tables by name without endings, and the films by theirs."""

    raw: Path
    tables: dict[str, Path]
    films: Shelf


def films_and_tables(
    raw: Path, tables: Sequence[str], *, films: bool = True, copies: bool = False, json: str | None = None
) -> Download:
    """Finds CSV files called as in `tables` (and the JSON file called `json`) and DICOM films below `raw`.

    `copies` are films converted to PNG or JPEG, taken too; without `films` none is looked for.

    Raises:
        SourceError: there is no such folder, or it has two tables of one name.
    """
    suffixes = (*FILM_SUFFIXES, *(COPY_SUFFIXES if copies else ())) if films else ()

    def is_table(name: str) -> bool:
        stem = name.partition(".")[0]
        return (stem in tables and ".csv" in name.lower()) or (
            stem == json and name.lower().endswith(".json")
        )

    shelf, found = Shelf(), []
    for path in downloaded(raw, lambda name: is_table(name) or name.lower().endswith(suffixes)):
        if is_table(path.name):
            found.append(path)
        else:
            shelf.add(path.stem, path)
    return Download(raw, tables_below(found), shelf)


def unlisted_films(
    download: Download,
    listed: Container[str],
    is_test: Callable[[Path], bool],
    keep: Callable[[str, Path], Study] | None,
) -> Iterator[Study | Rejection]:
    """What to do with films that are not `listed` in a table, by their ids.

    Those of a competition's test are told by their place below the raw folder. They become studies as `keep`
    describes them, or, without it, one rejection for their folder. Any other film is a rejection of its own.
    """
    folders: dict[Path, int] = {}
    raw = download.raw
    for film, path in download.films.beside(()):
        if film in listed:
            continue
        place = path.relative_to(raw)
        if not is_test(place):
            yield Rejection(str(path), "on disk but in no table, so nothing is known of it")
        elif keep is None:
            folder = raw / place.parts[0]
            folders[folder] = folders.get(folder, 0) + 1
        else:
            yield keep(film, path)
    for folder, count in folders.items():
        yield Rejection(str(folder), f"{count} films of the test have no labels; unlabelled=true reads them")


def in_test_folder(place: Path) -> bool:
    """True where a folder on the way to a film has "test" in its name."""
    return any("test" in part.lower() for part in place.parts[:-1])
