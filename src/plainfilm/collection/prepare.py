"""Prepares a collection from a raw layout: parallel, resumable, published atomically.

The source yields studies; studies without a usable id are refused; consecutive studies are grouped into
shards; a pool of processes turns each shard into a part below `OUT/.partial`; the parts are merged into
tables; images and tables move into place and `collection.json` is written last, so that a folder is either a
complete collection or none. A killed preparation that is started again continues where it stopped and ends in
the same bytes as one that was never killed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import plainfilm
from plainfilm.collection.collection import META, Collection, file_name
from plainfilm.collection.merge import content_fingerprint, merge, stray_files
from plainfilm.collection.pool import run_shards
from plainfilm.collection.schema import FORMAT_VERSION, OPTIONAL_TABLES, TABLES
from plainfilm.collection.shard import PrepareConfig, Shard, ShardOutput, part_folder, shard_fingerprint
from plainfilm.collection.verification import missing_images
from plainfilm.errors import CollectionError, DataError, SourceError, UsageError
from plainfilm.io.files import flush, make_folder, move, sha256_of
from plainfilm.io.locks import is_taken, writing
from plainfilm.io.manifest import FILES, settle, write_manifest
from plainfilm.io.phantom_corpus import is_phantom_corpus
from plainfilm.io.tables import read_parquet
from plainfilm.progress import SILENT, Progress
from plainfilm.seeding import stable_hash
from plainfilm.sources.base import corpus_of, source
from plainfilm.types import SPLITS, Rejection, Study

SMALLEST_SIZE = 16
_REJECTIONS_PER_SHARD = 3_200
_OUT = "out"
"""The option that passes the collection's folder to sources that take one; it does not describe the data."""

_QUOTED, _WORDS_OF_A_CELL = re.compile(r"'([^']*)'"), 3


@dataclass(frozen=True)
class PreparePlan:
    """The source, the options and the output folder of a preparation."""

    order: PrepareConfig
    out: Path

    @property
    def work(self) -> Path:
        """The folder of unfinished work."""
        return self.order.work

    def items(self) -> Iterator[Study | Rejection]:
        """The items of the source."""
        return source(self.order.source_name).read(self.order.raw, self.order.config)


def prepare(
    source_name: str,
    raw: Path,
    out: Path,
    *,
    size: int = 512,
    workers: int | None = None,
    options: Mapping[str, Any] | None = None,
    tables_only: bool = False,
    keep_refused: bool = False,
    replace_present: bool = False,
    progress: Progress = SILENT,
) -> Collection:
    """Prepare the collection `out` from the raw layout `raw` and return it.

    `size` is the shortest side of stored images in pixels (smaller images keep their size). `workers` is the
    number of processes, all cores by default; 1 stays in this process. `options` are the source's. With
    `tables_only` no image is opened, and the collection has the contents of the tables only. With
    `keep_refused` an image whose header is not of a chest radiograph is kept and flagged. A finished
    collection of the same raw data is returned unchanged; `replace_present` replaces an existing one.

    Raises:
        SourceError: `raw` has no readable study.
        CollectionError: `out` holds something else, or cannot be written.
        ConfigError: an unknown source or option.
        UsageError: a size too small, a source that needs images, or another process is writing `out`.
    """
    if size < SMALLEST_SIZE:
        raise UsageError(f"--size {size}: the shortest side must be at least {SMALLEST_SIZE} pixels")
    out = out.absolute()
    stated = _options(source_name, options or {}, tables_only, out)
    order = PrepareConfig(
        source_name, stated, raw.absolute(), out / ".partial", size, tables_only, keep_refused
    )
    plan = PreparePlan(order, out)
    _refuse_foreign(plan)
    with writing(out):
        present = None if replace_present else _present(plan, progress)
        return present or _prepare(plan, workers, progress)


def _prepare(plan: PreparePlan, workers: int | None, progress: Progress) -> Collection:
    stream = shards(plan)
    first = list(islice(stream, 1))  # a source that cannot be read leaves no folder behind
    if not first:
        raise SourceError(
            f"{plan.order.raw}: no study can be used: source {plan.order.source_name} found none in it"
        )
    _begin(plan)
    parts = _run(chain(first, stream), workers, progress)
    progress.log(f"writing tables of {plan.out}")
    meta = _merge(plan, parts)
    _publish(plan, meta)
    return Collection.open(plan.out)


def _options(source_name: str, options: Mapping[str, Any], tables_only: bool, out: Path) -> dict[str, Any]:
    fields = source(source_name).Config.model_fields
    if tables_only and "tables_only" not in fields:
        raise UsageError(f"--tables-only: source {source_name} cannot do without its films; leave it out")
    stated = {**options, "tables_only": True} if tables_only else dict(options)
    return {**stated, _OUT: out} if _OUT in fields else stated


def shards(plan: PreparePlan) -> Iterator[Shard]:
    """The studies of a plan in shards, refused ones as rejections; identical in every run."""
    studies: list[Study] = []
    rejections: list[Rejection] = []
    number = 0
    for item in _usable(plan.items()):
        if isinstance(item, Study):
            studies.append(item)
        else:
            rejections.append(item)
        if len(studies) == plan.order.studies_per_shard or len(rejections) == _REJECTIONS_PER_SHARD:
            yield Shard(number, tuple(studies), tuple(rejections), plan.order)
            studies, rejections, number = [], [], number + 1
    if studies or rejections:
        yield Shard(number, tuple(studies), tuple(rejections), plan.order)


def _usable(items: Iterable[Study | Rejection]) -> Iterator[Study | Rejection]:
    """Studies and images with new ids; the others as rejections.

    Ids are remembered as 63-bit hashes, the only data that grow with the corpus: 0.1 GB for a million images.
    """
    seen: set[int] = set()
    for item in items:
        if isinstance(item, Rejection):
            yield item
            continue
        reason = _fault(item, seen)
        if reason:
            yield Rejection(item.study_id, reason, item.study_id)
            for image in item.images:
                path = image.shown or str(image.path)
                yield Rejection(path, f"belongs to a study that is refused: {reason}", item.study_id)
            continue
        images = []
        for image in item.images:
            if not image.image_id or _is_known("image", image.image_id, seen):
                path = image.shown or str(image.path)
                yield Rejection(path, f"duplicate image id '{image.image_id}'", item.study_id)
            else:
                images.append(image)
        yield replace(item, images=tuple(images))


def _fault(study: Study, seen: set[int]) -> str | None:
    if not study.study_id or not study.patient_id:
        return "the study has no study id or no patient id"
    if study.split is not None and study.split not in SPLITS:
        return f"split '{study.split}' is none of {', '.join(SPLITS)}"
    return f"duplicate study id '{study.study_id}'" if _is_known("study", study.study_id, seen) else None


def _is_known(kind: str, name: str, seen: set[int]) -> bool:
    key = stable_hash(kind, name)
    known = key in seen
    seen.add(key)
    return known


def _refuse_foreign(plan: PreparePlan) -> None:
    """Refuse a folder that Plainfilm did not make, even if it is to be replaced."""
    ours = (plan.out / META).exists() or plan.work.is_dir()
    if plan.out.is_file() or (plan.out.is_dir() and not ours and is_taken(plan.out)):
        raise CollectionError(f"{plan.out}: is not empty and no collection; choose another folder")


def _present(plan: PreparePlan, progress: Progress) -> Collection | None:
    """The existing collection, if it is the requested one.

    Raises:
        CollectionError: there is another collection.
    """
    if not (plan.out / META).exists():
        return None
    collection = Collection.open(plan.out)
    if collection.meta["inputs"] != _inputs(plan, (shard_fingerprint(shard) for shard in shards(plan))):
        raise CollectionError(
            f"{plan.out}: holds a collection of other raw data, size or options; "
            "choose another folder, or replace it with --replace"
        )
    missing = missing_images(collection)
    if missing:
        raise CollectionError(
            f"{plan.out}: {len(missing)} of its images are missing, the first is {missing[0]}; put them "
            "back, or prepare all anew with --replace (and label it again)"
        )
    settle(plan.out, META)
    progress.log(f"{plan.out} is already prepared from {plan.order.raw}")
    shutil.rmtree(plan.work, ignore_errors=True)
    return collection


def _inputs(plan: PreparePlan, fingerprints: Iterable[str]) -> str:
    digest = hashlib.sha256(plan.order.source_name.encode())
    for fingerprint in fingerprints:
        digest.update(fingerprint.encode())
    return digest.hexdigest()


def _begin(plan: PreparePlan) -> None:
    """Make the work folder, or continue with that of a killed preparation.

    A work folder without images is from an interrupted publication: if it was complete, the rest of the
    folder is removed; if not, the images are moved back.
    """
    try:
        images, moved = plan.work / "images", plan.out / "images"
        if plan.work.is_dir() and not images.exists():
            if (plan.out / META).exists():
                shutil.rmtree(plan.work)
            elif moved.is_dir():
                moved.rename(images)
        make_folder(images)
        make_folder(plan.work / "parts")
    except OSError as error:
        raise CollectionError(f"{plan.out}: cannot be written ({error.strerror or error})") from None


def _run(stream: Iterable[Shard], workers: int | None, progress: Progress) -> list[ShardOutput]:
    parts: list[ShardOutput] = []

    def studies() -> Iterator[int]:
        for part in run_shards(stream, workers):
            parts.append(part)
            yield from range(part.studies)

    for _ in progress.track(studies(), None, "preparing studies"):
        pass
    return parts


def _merge(plan: PreparePlan, parts: list[ShardOutput]) -> dict[str, Any]:
    """Merge all parts into tables in the work folder; return the values of `collection.json`."""
    folders = [part_folder(plan.work, part.number) for part in parts]
    tables: dict[str, dict[str, Any]] = {}
    for name in TABLES:
        rows, digest = merge(name, folders, plan.work / file_name(name))
        tables[name] = {"rows": rows, "digest": digest}
    if not tables["studies"]["rows"]:
        raise SourceError(f"{plan.order.raw}: no study can be used: {_first_reason(plan.work)}")
    licences = read_parquet(plan.work / "images.parquet", columns=["licence"]).column("licence")
    return {
        "format_version": FORMAT_VERSION,
        "plainfilm": plainfilm.__version__,
        "source": {"name": plan.order.source_name, "options": _plain(plan.order.options)},
        "corpus": corpus_of(plan.order.source_name, plan.order.config),
        "phantom": is_phantom_corpus(plan.order.raw),
        "pixels": not plan.order.tables_only,
        "licence": sorted(pc.unique(licences).drop_null().to_pylist()),
        "image_size": plan.order.size,
        "tables": tables,
        "fingerprint": content_fingerprint({name: table["digest"] for name, table in tables.items()}),
        "inputs": _inputs(plan, (part.fingerprint for part in parts)),
        FILES: {file_name(name): sha256_of(plan.work / file_name(name)) for name in TABLES},
    }


def _plain(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: str(value) if isinstance(value, Path) else value
        for name, value in options.items()
        if name != _OUT
    }


def _first_reason(work: Path) -> str:
    rejected = read_parquet(work / "rejected.parquet", TABLES["rejected"])
    if not len(rejected):
        return "the source found none"
    return f"{_spoken(rejected, 0)} ({len(rejected)} rejected in all)"


def first_rejected(collection: Collection, most: int = 3) -> list[str]:
    """The first rows of `rejected` as lines for a person, without what may be text of a report."""
    rejected = collection.table("rejected")
    lines = [_spoken(rejected, row) for row in range(min(most, len(rejected)))]
    more = len(rejected) - len(lines)
    return [*lines, f"... and {more} more, in the table `rejected`"] if more else lines


def _spoken(rejected: pa.Table, row: int) -> str:
    path, reason = rejected["path"][row].as_py(), rejected["reason"][row].as_py()
    return f"{_unspoken(path)}: {_QUOTED.sub(_unquoted, reason)}"


def _unspoken(cell: str) -> str:
    """`cell`, unless it is as long as a sentence, which may be report text from a wrong column."""
    return cell if len(cell.split()) <= _WORDS_OF_A_CELL else f"a text of {len(cell)} characters"


def _unquoted(quoted: re.Match[str]) -> str:
    spoken = _unspoken(quoted[1])
    return quoted[0] if spoken == quoted[1] else f"({spoken})"


def _publish(plan: PreparePlan, meta: dict[str, Any]) -> None:
    """Move images and tables into place; `collection.json` comes last and completes the collection."""
    _sweep(plan.work, meta["tables"]["images"]["rows"] if meta["pixels"] else 0)
    # Everything that needs disk space is written before old files are removed: moving needs none.
    write_manifest(plan.work / META, meta)
    try:
        (plan.out / META).unlink(missing_ok=True)
        flush(plan.out)
        old = plan.out / "images"
        if old.exists():
            shutil.rmtree(old)
        (plan.work / "images").rename(old)
        for name in TABLES:
            (plan.work / file_name(name)).replace(plan.out / file_name(name))
        for name in OPTIONAL_TABLES:
            (plan.out / file_name(name)).unlink(missing_ok=True)
        flush(plan.out)
        move(plan.work / META, plan.out / META)
        settle(plan.out, META)
        shutil.rmtree(plan.work)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DataError(
            f"{plan.out}: cannot be published ({reason}); repeat the command to continue"
        ) from None


def _sweep(work: Path, stored: int) -> None:
    """Remove image files without a row: incomplete ones of a killed run, or of changed raw data."""
    images = work / "images"
    if _count_files(images) == stored:
        return
    rows = read_parquet(work / "images.parquet", columns=["path"]).column("path").to_pylist()
    for path in stray_files(images, rows):
        path.unlink()
    if _count_files(images) != stored:
        raise CollectionError(
            f"{work}: image files are missing from it; delete this folder and repeat the command"
        )


def _count_files(folder: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(folder))
