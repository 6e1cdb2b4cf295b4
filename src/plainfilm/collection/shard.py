"""One shard of a preparation: a pure function from some studies to a finished part on disk.

The local process pool runs it, and a cluster that shares the folder can run it too: a shard knows
everything it needs and shards share nothing. A part is a folder of Parquet files that appears whole, by
renaming, after the shard's images are written; it remembers the fingerprint of what it was made from, so
that a preparation that was killed takes it over instead of repeating it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from plainfilm.collection.rows import Rows, add_study, stated_image, stored_image
from plainfilm.collection.schema import FORMAT_VERSION, TABLES
from plainfilm.config import Settings, build
from plainfilm.errors import ImageError
from plainfilm.io.archives import stamp
from plainfilm.io.processes import Crash, alone, time_limit
from plainfilm.io.tables import read_json, write_json, write_parquet
from plainfilm.sources.base import completed, source
from plainfilm.types import Image, Rejection, Study

STUDIES_WITH_FILMS = 32
STUDIES_WITHOUT_FILMS = 4096
"""How many studies a shard has."""

SECONDS_FOR_A_FILM = 120.0
"""A decoder that takes longer hangs."""

Store = Callable[[Image], dict[str, Any]]


@dataclass(frozen=True)
class PrepareConfig:
    """What every shard of a preparation is made with.

    `options` are the source's, `size` is the shortest side of stored images, `raw` what the source reads and
    `work` the folder all shards write to. With `tables_only` no pixels are read; with `keep_refused` what is
    no chest film is kept.
    """

    source_name: str
    options: Mapping[str, Any]
    raw: Path
    work: Path
    size: int
    tables_only: bool = False
    keep_refused: bool = False

    @property
    def config(self) -> Settings:
        """The source's settings, built here: a process can take over options, but not a class it lacks."""
        return build(source(self.source_name).Config, self.options, f"options of source {self.source_name}")

    @property
    def studies_per_shard(self) -> int:
        """Films take time, so that shards of few keep every process busy; rows of tables take little."""
        return STUDIES_WITHOUT_FILMS if self.tables_only else STUDIES_WITH_FILMS

    @property
    def identity(self) -> str:
        """Everything but the places: what a part depends on besides its studies."""
        return f"{self.source_name} {self.config!r} {self.size} {self.tables_only} {self.keep_refused}"


@dataclass(frozen=True)
class Shard:
    """Consecutive items of a source; `number` is their place."""

    number: int
    studies: tuple[Study, ...]
    rejections: tuple[Rejection, ...]
    order: PrepareConfig


@dataclass(frozen=True)
class ShardOutput:
    """A finished shard: its rows by table, and the fingerprint of what it was made from."""

    number: int
    studies: int
    rows: dict[str, int]
    fingerprint: str


def part_folder(work: Path, number: int) -> Path:
    """Where the part of a shard lies."""
    return work / "parts" / f"{number:06d}"


def shard_fingerprint(shard: Shard) -> str:
    """Changes when anything does that the part depends on: records, files, options, format version."""
    digest = hashlib.sha256(f"{FORMAT_VERSION} {shard.order.identity}".encode())
    for item in (*shard.studies, *shard.rejections):
        digest.update(repr(item).encode("utf-8", "surrogatepass"))
    for path in (path for study in shard.studies for path in _files(study, shard.order)):
        try:
            digest.update(repr(stamp(path)).encode())
        except OSError:
            digest.update(b"absent")
    return digest.hexdigest()


def _files(study: Study, order: PrepareConfig) -> list[Path]:
    images = () if order.tables_only else (image.path for image in study.images)
    return [*images, *study.files]


def prepare_shard(shard: Shard, is_careful: bool = False) -> ShardOutput:
    """Writes the images and the part of a shard, or takes over the part that is already there.

    A film that crashes its decoder ends the process. With `is_careful` every film is opened in a process of
    its own, and such a film is rejected; the part is the same otherwise.

    Raises:
        DataError: something cannot be written.
    """
    fingerprint = shard_fingerprint(shard)
    folder = part_folder(shard.order.work, shard.number)
    finished = _finished(folder, fingerprint, shard.number)
    if finished is not None:
        return finished
    rows = _rows(shard, is_careful)
    part = ShardOutput(
        shard.number,
        len(shard.studies),
        {name: len(table) for name, table in rows.tables.items()},
        fingerprint,
    )
    _publish(rows, part, folder)
    return part


def _rows(shard: Shard, is_careful: bool) -> Rows:
    order, rows = shard.order, Rows()
    shown = _shower(order.raw)
    store = partial(stored_image, folder=order.work, size=order.size, keep_refused=order.keep_refused)
    store = partial(_stored_alone if is_careful else _stored_in_time, store)
    if order.tables_only:
        store = partial(stated_image, size=order.size)
    for item in chain(shard.rejections, completed(order.source_name, shard.studies, order.config)):
        if isinstance(item, Study):
            add_study(item, rows, store, shown)
        else:
            rows.reject(shown(item.path), item.reason, item.study_id)
    return rows


def _stored_in_time(store: Store, image: Image) -> dict[str, Any]:
    with time_limit(SECONDS_FOR_A_FILM):
        return store(image)


def _stored_alone(store: Store, image: Image) -> dict[str, Any]:
    try:
        return alone(store, image, SECONDS_FOR_A_FILM)
    except Crash as crash:
        raise ImageError(f"{image.path}: cannot be decoded ({crash}); fetch the file again") from None


def _shower(raw: Path) -> Callable[[Path | str], str]:
    """How `rejected` shows a raw path: relative to the raw data, where it lies below."""
    base = f"{(raw if raw.is_dir() else raw.parent).as_posix()}/"
    return lambda path: (path if isinstance(path, str) else path.as_posix()).removeprefix(base)


def _finished(folder: Path, fingerprint: str, number: int) -> ShardOutput | None:
    marker = folder / "part.json"
    if not marker.is_file():
        return None
    noted = read_json(marker)
    if noted["fingerprint"] != fingerprint:
        return None
    return ShardOutput(number, noted["studies"], noted["rows"], fingerprint)


def _publish(rows: Rows, part: ShardOutput, folder: Path) -> None:
    # The name holds the process id, so that a worker that outlives its killed parent disturbs nobody.
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    for name, table in rows.tables.items():
        write_parquet(table, TABLES[name], temporary / f"{name}.parquet")
    noted = {"fingerprint": part.fingerprint, "studies": part.studies, "rows": part.rows}
    write_json(noted, temporary / "part.json")
    shutil.rmtree(folder, ignore_errors=True)
    temporary.rename(folder)
