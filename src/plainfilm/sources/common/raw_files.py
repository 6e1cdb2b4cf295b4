"""What lies below the folder or archive that a corpus was downloaded to, at any depth: tables and films."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from plainfilm.errors import SourceError
from plainfilm.io import paths
from plainfilm.io.archives import files_below, is_compressed_tar
from plainfilm.sources.common.unique_file_index import UniqueFileIndex
from plainfilm.types import Rejection, Study

DICOM_SUFFIXES = (".dcm", ".dicom")
COPY_SUFFIXES = (".png", ".jpg", ".jpeg")
"""Of films that somebody has converted."""


@dataclass(frozen=True)
class RawFiles:
    """The tables by name without endings and the films by id; with `tables_only` no film was looked for.

    `packed` are compressed archives, which cannot be looked into, `strays` are named as no film is.
    """

    raw: Path
    tables_only: bool
    tables: dict[str, Path] = field(default_factory=dict)
    films: UniqueFileIndex = field(default_factory=UniqueFileIndex)
    packed: list[Path] = field(default_factory=list)
    strays: list[Path] = field(default_factory=list)

    def table(self, *names: str) -> Path:
        """The first table of these names that is there.

        Raises:
            SourceError: none is.
        """
        found = next((self.tables[name] for name in names if name in self.tables), None)
        if found is None:
            wanted = " or ".join(f"{name}.csv" for name in names)
            packed = f"unpack {self.packed[0].name} (tar -xzf) and " if self.packed else ""
            raise SourceError(
                f"{self.raw}: no {wanted} in it or below; {packed}give the folder of the download"
            )
        return found

    def film(self, film: str, usual: str) -> Path | None:
        """Where a film lies; `None` for one that is not on disk.

        Where films were not looked for, it is the `usual` place below the raw folder.
        """
        return self.raw / usual if self.tables_only else self.films.get(film)


def bare_name(path: Path) -> str:
    """The name of a file without the ending of its format; other dots belong to the name.

    >>> bare_name(Path("RAW/train.csv.gz")), bare_name(Path("RAW/labels_01.02.19.csv"))
    ('train', 'labels_01.02.19')
    """
    return Path(path.name.removesuffix(".gz")).stem


def files_called(raw: Path, wanted: Callable[[str], bool]) -> Iterator[Path]:
    """Every file below `raw` whose name is `wanted`, sorted; archives on the way are looked into.

    Raises:
        SourceError: there is no such folder or archive.
    """
    if not paths.exists(raw):
        raise SourceError(f"{raw}: no such folder or archive; give the one the corpus was downloaded to")
    return files_below(raw, wanted)


def find_raw_files(
    raw: Path,
    tables: Sequence[str],
    films: Sequence[str],
    *,
    tables_only: bool,
    id_of: Callable[[Path], str | None] = lambda path: path.stem,
) -> RawFiles:
    """The files called as in `tables`, with `.gz` behind the name or not, and those that end as `films` do.

    `id_of` says which film a file is, `None` where its name is none of the corpus' names.

    Raises:
        SourceError: there is no such folder or archive, or it has two tables of one name.
    """
    endings = () if tables_only else tuple(films)

    def is_table(name: str) -> bool:
        return name.removesuffix(".gz") in tables

    def is_wanted(name: str) -> bool:
        return is_table(name) or is_compressed_tar(Path(name)) or name.lower().endswith(endings)

    found = RawFiles(raw, tables_only)
    for path in files_called(raw, is_wanted):
        if is_table(path.name):
            _add_table(path, found.tables)
        elif is_compressed_tar(path):
            found.packed.append(path)
        elif (film := id_of(path)) is not None:
            found.films.add(film, path)
        else:
            found.strays.append(path)
    return found


def _add_table(path: Path, tables: dict[str, Path]) -> None:
    other = tables.setdefault(bare_name(path), path)
    if other != path:
        raise SourceError(f"{other} and {path}: two tables of one name; give the folder of one")


def unlisted_films(
    found: RawFiles,
    listed: Container[str],
    is_test: Callable[[Path], bool],
    keep: Callable[[str, Path], Study] | None,
) -> Iterator[Study | Rejection]:
    """What to do with films that are not `listed` in a table, by their ids.

    Films of a competition's test set are recognised by their place below the raw folder. They become studies
    as `keep` describes them, or, without it, one rejection for their folder. Any other film is a rejection of
    its own.
    """
    folders: dict[Path, int] = {}
    for film, path in found.films.beside(()):
        if film in listed:
            continue
        place = path.relative_to(found.raw)
        if not is_test(place):
            yield Rejection(str(path), "on disk but in no table, so nothing is known of it")
        elif keep is None:
            folder = found.raw / place.parts[0]
            folders[folder] = folders.get(folder, 0) + 1
        else:
            yield keep(film, path)
    for folder, count in folders.items():
        yield Rejection(str(folder), f"films of the test without labels: {count}; unlabelled=true reads them")


def in_test_folder(place: Path) -> bool:
    """True where a folder on the way to a film has "test" in its name."""
    return any("test" in part.lower() for part in place.parts[:-1])
