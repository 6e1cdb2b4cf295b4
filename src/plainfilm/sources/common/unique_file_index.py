"""Files by names that only one of them may have: a corpus' films by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from plainfilm.types import Rejection


class UniqueFileIndex:
    """Files by name; `rejections` are the files whose name another one has already."""

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
