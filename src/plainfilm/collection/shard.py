"""One shard of a preparation: a pure function from some studies to a finished part on disk.

Local processes run it, and so do the nodes of a cluster that share the folder (`io.workers`): a shard is
self-contained and independent of others. A part is a folder of Parquet files that appears complete, by
renaming or by a marker that is written last, after the shard's images; it stores the fingerprint of its
inputs, by which a restarted preparation reuses it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

from plainfilm.collection.publication import tables_of
from plainfilm.collection.rows import TableRows, add_study, stated_image, stored_image
from plainfilm.collection.schema import TABLES
from plainfilm.config import Settings, build
from plainfilm.errors import ImageError
from plainfilm.io import limits, paths
from plainfilm.io.archives import stamp
from plainfilm.io.files import flush, move, remove
from plainfilm.io.object_storage import stored
from plainfilm.io.processes import Crash, alone, time_limit
from plainfilm.io.tables import read_json, write_json, write_parquet
from plainfilm.sources.base import completed, source
from plainfilm.types import Image, Rejection, Study

PART_VERSION = 3
"""Changes when the same inputs give other parts."""

_MARKER = "part.json"

STUDIES_WITH_FILMS = 32
STUDIES_WITHOUT_FILMS = 4096
"""Number of studies in a shard."""

Store = Callable[[Image], dict[str, Any]]


@dataclass(frozen=True)
class PrepareConfig:
    """The common settings of all shards of a preparation.

    `options` are the source's, `size` is the shortest side of stored images, `raw` the input of the source
    and `work` the common output folder. With `tables_only` no pixels are read; with `keep_refused` files that
    are no chest films are kept.
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
        """The source's settings, built here: options can be pickled, a user's class may not."""
        return build(source(self.source_name).Config, self.options, f"options of source {self.source_name}")

    @property
    def studies_per_shard(self) -> int:
        """Few studies with images, to keep every process busy; many with rows of tables, which are fast."""
        return STUDIES_WITHOUT_FILMS if self.tables_only else STUDIES_WITH_FILMS

    @property
    def identity(self) -> str:
        """Everything but the paths: the inputs of a part besides its studies."""
        return f"{self.source_name} {self.config!r} {self.size} {self.tables_only} {self.keep_refused}"


@dataclass(frozen=True)
class Shard:
    """Consecutive items of a source; `number` is their position."""

    number: int
    studies: tuple[Study, ...]
    rejections: tuple[Rejection, ...]
    order: PrepareConfig


@dataclass(frozen=True)
class ShardOutput:
    """A finished shard: its number of rows by table, and the fingerprint of its inputs."""

    number: int
    studies: int
    rows: dict[str, int]
    fingerprint: str


def part_folder(work: Path, number: int) -> Path:
    """The folder of the part of a shard."""
    return work / "parts" / f"{number:06d}"


def shard_fingerprint(shard: Shard) -> str:
    """Changes with any input of the part: records, files, options, `PART_VERSION`."""
    digest = hashlib.sha256(f"{PART_VERSION} {shard.order.identity}".encode())
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
    """Write the images and the part of a shard, or reuse an existing part.

    An image that crashes its decoder ends the process. With `is_careful` every image is opened in a process
    of its own, and such an image is rejected; the part is otherwise the same.

    Raises:
        DataError: a file cannot be written.
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


def _rows(shard: Shard, is_careful: bool) -> TableRows:
    order, rows = shard.order, TableRows()
    shown = _shower(order.raw)
    store = partial(
        stored_image, folder=tables_of(order.work), size=order.size, keep_refused=order.keep_refused
    )
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
    try:
        with time_limit(limits.SECONDS_FOR_A_FILM):
            return store(image)
    except Crash as crash:
        raise _undecodable(image, crash) from None


def _stored_alone(store: Store, image: Image) -> dict[str, Any]:
    try:
        return alone(store, image, limits.SECONDS_FOR_A_FILM)
    except Crash as crash:
        raise _undecodable(image, crash) from None


def _undecodable(image: Image, crash: Crash) -> ImageError:
    return ImageError(f"{image.path}: cannot be decoded ({crash}); fetch the file again")


def _shower(raw: Path) -> Callable[[Path | str], str]:
    """A function that shows raw paths in `rejected`: relative to the raw data if they are below it."""
    base = f"{(raw if paths.is_folder(raw) else raw.parent).as_posix()}/"
    return lambda path: (path if isinstance(path, str) else path.as_posix()).removeprefix(base)


def _finished(folder: Path, fingerprint: str, number: int) -> ShardOutput | None:
    marker = folder / _MARKER
    if not paths.is_file(marker):
        return None
    noted = read_json(marker)
    if noted["fingerprint"] != fingerprint:
        return None
    return ShardOutput(number, noted["studies"], noted["rows"], fingerprint)


def _publish(rows: TableRows, part: ShardOutput, folder: Path) -> None:
    # The name has process and machine, so that a worker that outlives its killed parent, or that was given up
    # for lost with its node, interferes with no other.
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}@{platform.node()}")
    if stored(folder) is not None:  # which has no renaming: the marker comes last
        remove(folder / _MARKER)
        temporary = folder
    else:
        shutil.rmtree(temporary, ignore_errors=True)
        _flush_images(rows, folder.parents[1])
    for name, table in rows.tables.items():
        write_parquet(table, TABLES[name], temporary / f"{name}.parquet")
    noted = {"fingerprint": part.fingerprint, "studies": part.studies, "rows": part.rows}
    write_json(noted, temporary / _MARKER)
    if temporary == folder:
        return
    shutil.rmtree(folder, ignore_errors=True)
    try:
        move(temporary, folder)
    except OSError:  # another one was faster, with the same part
        if _finished(folder, part.fingerprint, part.number) is None:
            raise
        shutil.rmtree(temporary, ignore_errors=True)


def _flush_images(rows: TableRows, work: Path) -> None:
    """A part counts as finished, so its images must outlast a loss of power before it appears."""
    stored = [work / row["path"] for row in rows.tables.get("images", ()) if row.get("path")]
    for path in (*stored, *{path.parent for path in stored}, work / "images"):
        flush(path)
