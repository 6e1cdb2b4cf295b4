"""The index of downloadable corpora: one YAML file each in `corpora/`, named after the source that reads it.

    title, agreement, needs     name of the corpus, agreement to sign, and further requirements
    by_hand                     for a corpus that no script may download: its origin and the steps
    subsets                     names for groups of files: {tables: ["*.csv"]}
    editions                    releases by name, the first is the default; each is a list of parts

A part has one location: `physionet` (project/version), `competition` or `dataset` (of Kaggle), or `address`
(a public folder of files). `files` are its patterns, by default all (an address has no listing, so there they
are file names), `gigabytes` is its approximate size, `unpack` maps archives to folders.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from plainfilm.config import Settings, build, read_yaml
from plainfilm.errors import DownloadError, UsageError, nearest

_FOLDER = Path(__file__).parent / "corpora"


class Part(Settings):
    """Some files at one location, which exactly one of the first four fields gives."""

    physionet: str | None = Field(default=None, pattern=r"^[a-z0-9-]+/[0-9.]+$")
    competition: str | None = None
    dataset: str | None = None
    address: str | None = Field(default=None, pattern=r"^https://.*/$")
    files: tuple[str, ...] = ()
    gigabytes: float = Field(gt=0)
    unpack: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _lies_at_one_place(self) -> Self:
        places = [self.physionet, self.competition, self.dataset, self.address]
        if sum(place is not None for place in places) != 1:
            raise ValueError("give one of physionet, competition, dataset and address")
        if self.address and not self.files:
            raise ValueError("an address needs the names of its files")
        return self


class Corpus(Settings):
    """One corpus; the module explains the fields."""

    title: str
    agreement: str
    needs: str
    by_hand: str | None = None
    subsets: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    editions: dict[str, tuple[Part, ...]] = Field(default_factory=dict)

    def parts(self, source: str, edition: str | None) -> tuple[Part, ...]:
        """The parts of an edition, the first one by default.

        Raises:
            DownloadError: no script may download the corpus; the message has the way to get it.
            UsageError: no such edition.
        """
        if self.by_hand:
            raise DownloadError(f"{source}: {self.title} {self.by_hand}")
        if edition is None:
            return next(iter(self.editions.values()))
        if edition not in self.editions:
            raise UsageError(f"{source} has no edition '{edition}': {nearest(edition, self.editions)}")
        return self.editions[edition]

    def wants(self, only: Sequence[str], path: str) -> bool:
        """True if `path` matches one of `only` (patterns and names of subsets), or if `only` is empty.

        A pattern without a slash is also matched with the file name alone.
        """
        patterns = [pattern for word in only for pattern in self.subsets.get(word, (word,))]
        return not only or matches(patterns, path)


def matches(patterns: Sequence[str], path: str) -> bool:
    """True if a path (with forward slashes), or its last part, matches one of the patterns.

    >>> matches(["*.csv.gz"], "silver/labels.csv.gz"), matches(["files/p10/*"], "files/p11/x.jpg")
    (True, False)
    """
    name = path.rpartition("/")[2]
    return any(fnmatchcase(path, pattern) or fnmatchcase(name, pattern) for pattern in patterns)


def corpus_names() -> list[str]:
    """The names of all corpora in the index."""
    return sorted(file.stem for file in _FOLDER.glob("*.yaml"))


def corpus(source: str) -> Corpus:
    """The entry of a source.

    Raises:
        UsageError: there is none; the message has the nearest name.
    """
    if source not in corpus_names():
        raise UsageError(f"no download is known for '{source}': {nearest(source, corpus_names())}")
    path = _FOLDER / f"{source}.yaml"
    return build(Corpus, read_yaml(path), str(path))
