"""A model on several machines: images and texts are encoded in shards by the nodes of a Ray cluster.

A shard is a number of whole batches, so that it gives the same bits as on one machine of the same kind. What
a model does with encoded films (writing a report, locating a phrase) stays in the process that asks.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from plainfilm.errors import ModelError
from plainfilm.io.workers import Workers, in_workers
from plainfilm.predictor import core
from plainfilm.predictor.core import Vectors
from plainfilm.predictor.films import FilmBatch, FilmEncoder, FilmLike, Question
from plainfilm.predictor.texts import encode_block
from plainfilm.progress import SILENT, Progress

if TYPE_CHECKING:
    from plainfilm.predictor.predictor import Predictor

BATCHES_PER_SHARD = 8
"""Of vectors; features of films, with their patches, are large, and one batch is a shard."""


@dataclass(frozen=True)
class ModelPlace:
    """What another process needs to have the same model: its folder and fingerprint, whether its own code may
    run, the number of threads, and the seed of random weights in place of its own."""

    folder: Path
    fingerprint: str
    trust_code: bool
    threads: int
    seed: int | None = None


@dataclass(frozen=True)
class _FilmShard:
    place: ModelPlace
    question: Question | None
    films: tuple[FilmLike, ...]


@dataclass(frozen=True)
class _TextShard:
    place: ModelPlace
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Spread:
    """The processes that have a model, as `core.Elsewhere`."""

    place: ModelPlace
    workers: Workers
    progress: Progress = SILENT

    @classmethod
    def over(cls, folder: Path, fingerprint: str, trust_code: bool, ray: str, progress: Progress) -> Spread:
        """The nodes of the cluster at the address `ray`, each with as many threads as this process."""
        place = ModelPlace(folder.resolve(), fingerprint, trust_code, torch.get_num_threads())
        return cls(place, Workers(ray=ray), progress)

    def untrained(self, seed: int) -> Spread:
        """The same with random weights."""
        return replace(self, place=replace(self.place, seed=seed))

    def films(self, images: Iterable[FilmLike], question: Question | None, here: Any) -> Iterator[FilmBatch]:
        """The answers about films by the cluster; films that are in memory are not sent through a network."""
        stream = iter(images)
        first = list(islice(stream, 1))
        if not all(isinstance(film, str | os.PathLike) for film in first):
            yield from here(chain(first, stream), question)
            return
        size = core.BATCH_IMAGES * (BATCHES_PER_SHARD if question else 1)
        shards = self._shards(chain(first, stream), question, size)
        for batches in self._computed(answer_films, shards):
            yield from batches

    def texts(self, blocks: Iterable[Sequence[str]]) -> Iterator[Vectors]:
        """The vectors of every block of texts."""
        return self._computed(answer_texts, (_TextShard(self.place, tuple(block)) for block in blocks))

    def _shards(
        self, images: Iterator[FilmLike], question: Question | None, size: int
    ) -> Iterator[_FilmShard]:
        while films := tuple(map(_placed, islice(images, size))):
            yield _FilmShard(self.place, question, films)

    def _computed(self, function: Any, shards: Iterable[Any]) -> Iterator[Any]:
        threads = self.place.threads
        return in_workers(function, shards, self.workers, threads=threads, progress=self.progress)


def answer_films(shard: _FilmShard) -> list[FilmBatch]:
    """The answers about the films of a shard."""
    return list(FilmEncoder(_loaded(shard.place)._core).batches_here(shard.films, shard.question))


def answer_texts(shard: _TextShard) -> Vectors:
    """The vectors of the texts of a shard."""
    return encode_block(_loaded(shard.place)._core, shard.texts)


def _placed(film: FilmLike) -> FilmLike:
    return Path(film).absolute() if isinstance(film, str | os.PathLike) else film


@lru_cache(maxsize=2)
def _loaded(place: ModelPlace) -> Predictor:
    from plainfilm.predictor.predictor import load

    torch.set_num_threads(place.threads)
    predictor = load(place.folder, trust_code=place.trust_code)
    if predictor.fingerprint != place.fingerprint:
        raise ModelError(
            f"{place.folder}: is another model on a node of the cluster; give all the same files"
        )
    return predictor if place.seed is None else predictor.untrained(place.seed)
