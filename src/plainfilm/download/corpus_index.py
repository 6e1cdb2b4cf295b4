"""What can be downloaded: one YAML file per corpus in `corpora/`, named like the source that reads it.

    title, agreement, needs     what it is, what has to be signed, and what one must have or have done
    by_hand                     for a corpus that no script may fetch: where to get it and what to do
    subsets                     names for groups of files: {tables: ["*.csv"]}
    editions                    releases by name, the first is the usual one; each is a list of parts

A part lies at one place: `physionet` (project/version), `competition` or `dataset` (of Kaggle), or `address`
(a folder of files that anybody may fetch). `files` are the patterns to take of it, all by default (an
address has no listing, so there they are its names), `gigabytes` is about how large it is, `unpack` says
which archive becomes which folder.
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
    """Some files at one place; exactly one of the first four says where."""

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
    """One corpus; the fields are explained above."""

    title: str
    agreement: str
    needs: str
    by_hand: str | None = None
    subsets: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    editions: dict[str, tuple[Part, ...]] = Field(default_factory=dict)

    def parts(self, source: str, edition: str | None) -> tuple[Part, ...]:
        """The parts of an edition, the first one by default.

        Raises:
            DownloadError: the corpus cannot be had by a script (with the way to get it).
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
        """True where `path` fits one of `only` (patterns and names of subsets), or where there is none.

        A pattern without a slash is also tried on the file's name alone.
        """
        patterns = [pattern for word in only for pattern in self.subsets.get(word, (word,))]
        return not only or matches(patterns, path)


def matches(patterns: Sequence[str], path: str) -> bool:
    """True where a path (with forward slashes), or its last part, fits one of the patterns.

    >>> matches(["*.csv.gz"], "silver/labels.csv.gz"), matches(["files/p10/*"], "files/p11/x.jpg")
    (True, False)
    """
    name = path.rpartition("/")[2]
    return any(fnmatchcase(path, pattern) or fnmatchcase(name, pattern) for pattern in patterns)


def corpus_names() -> list[str]:
    """Every source that has an entry here."""
    return sorted(file.stem for file in _FOLDER.glob("*.yaml"))


def corpus(source: str) -> Corpus:
    """The entry of a source.

    Raises:
        UsageError: there is none (with the nearest name).
    """
    if source not in corpus_names():
        raise UsageError(f"nothing is known of how to get '{source}': {nearest(source, corpus_names())}")
    path = _FOLDER / f"{source}.yaml"
    return build(Corpus, read_yaml(path), str(path))
