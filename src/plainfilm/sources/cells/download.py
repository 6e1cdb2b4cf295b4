"""What lies below the folder or archive that a corpus was downloaded to, at any depth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from plainfilm.errors import SourceError
from plainfilm.io.archives import files_below
from plainfilm.types import Rejection


def downloaded(raw: Path, wanted: Callable[[str], bool]) -> Iterator[Path]:
    """Every file below `raw` whose name is `wanted`, sorted; archives on the way are looked into.

    Raises:
        SourceError: there is no such folder or archive.
    """
    if not raw.exists():
        raise SourceError(f"{raw}: no such folder or archive; give the one the corpus was downloaded to")
    return files_below(raw, wanted)


class Shelf:
    """Files by a name that only one of them may have, such as the films of a corpus by their ids."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}  # text, which takes a third of the memory of paths
        self.rejections: list[Rejection] = []

    def add(self, name: str, path: Path) -> None:
        """Adds a file; the second one of a name is a rejection."""
        kept = self._files.setdefault(name, str(path))
        if kept != str(path):
            self.rejections.append(Rejection(str(path), f"a second copy of {name}; {kept} is taken"))

    def get(self, name: str) -> Path | None:
        """The file of that name."""
        found = self._files.get(name)
        return None if found is None else Path(found)

    def __len__(self) -> int:
        return len(self._files)

    def beside(self, names: Iterable[str]) -> Iterator[tuple[str, Path]]:
        """The files under other names than these, by name."""
        for name in sorted(self._files.keys() - set(names)):
            yield name, Path(self._files[name])


def tables_below(paths: Iterable[Path]) -> dict[str, Path]:
    """Tables by their name without endings (`train` of `train.csv.gz`).

    Raises:
        SourceError: two of one name, so that nobody can say which is meant.
    """
    tables: dict[str, Path] = {}
    for path in paths:
        name = path.name.partition(".")[0]
        if name in tables:
            raise SourceError(f"{tables[name]} and {path}: two tables of one name; give the folder of one")
        tables[name] = path
    return tables
