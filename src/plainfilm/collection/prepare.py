"""Prepares a collection from a raw layout: parallel, resumable, published atomically.

The source yields studies; studies without a usable id are refused; consecutive studies are grouped into
shards; a pool of processes turns each shard into a part below `OUT/.partial`; the parts are merged into
tables; they and the images are published (`publication`), `collection.json` last, so that a folder is
either a complete collection or none. A killed preparation that is started again continues where it stopped
and ends in the same bytes as one that was never killed.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import plainfilm
from plainfilm.collection.collection import META, Collection
from plainfilm.collection.merge import content_fingerprint, merge
from plainfilm.collection.pool import run_shards
from plainfilm.collection.publication import begin, publish, tables_of
from plainfilm.collection.schema import TABLES, files_of, format_of
from plainfilm.collection.shard import PrepareConfig, Shard, part_folder, shard_fingerprint
from plainfilm.collection.verification import missing_images
from plainfilm.errors import CollectionError, SourceError, UsageError
from plainfilm.io import paths
from plainfilm.io.files import remove_tree, sha256_of
from plainfilm.io.locks import is_taken, writing
from plainfilm.io.manifest import FILES, settle
from plainfilm.io.phantom_corpus import is_phantom_corpus
from plainfilm.io.scratch import DiskSet
from plainfilm.io.tables import parquet_batches, read_parquet
from plainfilm.io.workers import WorkersLike
from plainfilm.progress import SILENT, Progress
from plainfilm.sources.base import corpus_of, source
from plainfilm.types import SPLITS, Rejection, Study

SMALLEST_SIZE = 16
_REJECTIONS_PER_SHARD = 3_200
_LICENCES_AT_ONCE = 1 << 16
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
    workers: WorkersLike = None,
    options: Mapping[str, Any] | None = None,
    tables_only: bool = False,
    keep_refused: bool = False,
    replace_present: bool = False,
    progress: Progress = SILENT,
) -> Collection:
    """Prepare the collection `out` from the raw layout `raw` and return it.

    `size` is the shortest side of stored images in pixels (smaller images keep their size). `workers` are
    local processes, all cores by default (1 stays in this process), or a cluster whose nodes see the same
    files. `options` are the source's. With
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
    out = paths.absolute(out)
    stated = _options(source_name, options or {}, tables_only, out)
    order = PrepareConfig(
        source_name, stated, paths.absolute(raw), out / ".partial", size, tables_only, keep_refused
    )
    plan = PreparePlan(order, out)
    _refuse_foreign(plan)
    with writing(out):
        present = None if replace_present else _present(plan, progress)
        return present or _prepare(plan, workers, progress)


def _prepare(plan: PreparePlan, workers: WorkersLike, progress: Progress) -> Collection:
    stream = shards(plan)
    first = list(islice(stream, 1))  # a source that cannot be read leaves no folder behind
    if not first:
        raise SourceError(
            f"{plan.order.raw}: no study can be used: source {plan.order.source_name} found none in it"
        )
    begin(plan.work, plan.out)
    inputs = _run(plan, chain(first, stream), workers, progress)
    progress.log(f"writing tables of {plan.out}")
    meta = _merge(plan, inputs)
    publish(plan.work, plan.out, meta)
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
    """Studies and images with new ids, which are remembered on disk; the others as rejections."""
    seen = DiskSet()
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


def _fault(study: Study, seen: DiskSet) -> str | None:
    if not study.study_id or not study.patient_id:
        return "the study has no study id or no patient id"
    if study.split is not None and study.split not in SPLITS:
        return f"split '{study.split}' is none of {', '.join(SPLITS)}"
    return f"duplicate study id '{study.study_id}'" if _is_known("study", study.study_id, seen) else None


def _is_known(kind: str, name: str, seen: DiskSet) -> bool:
    return not seen.add(f"{kind} {name}")


def _refuse_foreign(plan: PreparePlan) -> None:
    """Refuse a folder that Plainfilm did not make, even if it is to be replaced."""
    ours = paths.is_file(plan.out / META) or paths.is_folder(plan.work)
    if paths.is_file(plan.out) or (paths.is_folder(plan.out) and not ours and is_taken(plan.out)):
        raise CollectionError(f"{plan.out}: is not empty and no collection; choose another folder")


def _present(plan: PreparePlan, progress: Progress) -> Collection | None:
    """The existing collection, if it is the requested one.

    Raises:
        CollectionError: there is another collection.
    """
    if not paths.is_file(plan.out / META):
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
    remove_tree(plan.work)
    return collection


def _inputs(plan: PreparePlan, fingerprints: Iterable[str]) -> str:
    inputs = _Inputs(plan.order.source_name)
    for fingerprint in fingerprints:
        inputs.add(fingerprint)
    return inputs.hexdigest()


class _Inputs:
    """Counts the shards of a preparation, and digests their fingerprints."""

    def __init__(self, source_name: str) -> None:
        self._digest = hashlib.sha256(source_name.encode())
        self.shards = 0

    def add(self, fingerprint: str) -> None:
        """Add the next shard."""
        self._digest.update(fingerprint.encode())
        self.shards += 1

    def hexdigest(self) -> str:
        """The digest of all shards so far."""
        return self._digest.hexdigest()


def _run(plan: PreparePlan, stream: Iterable[Shard], workers: WorkersLike, progress: Progress) -> _Inputs:
    inputs = _Inputs(plan.order.source_name)

    def studies() -> Iterator[int]:
        for part in run_shards(stream, workers, progress):
            inputs.add(part.fingerprint)
            yield from range(part.studies)

    for _ in progress.track(studies(), None, "preparing studies"):
        pass
    return inputs


def _merge(plan: PreparePlan, inputs: _Inputs) -> dict[str, Any]:
    """Merge all parts into tables in the work folder; return the values of `collection.json`."""
    place = tables_of(plan.work)
    tables = {name: merge(name, _parts(plan, inputs), place) for name in TABLES}
    if not tables["studies"]["rows"]:
        raise SourceError(f"{plan.order.raw}: no study can be used: {_first_reason(place)}")
    files = {name: files_of(name, stated) for name, stated in tables.items()}
    licences = {licence for file in files["images"] for licence in _licences(place / file)}
    return {
        "format_version": format_of(tables),
        "plainfilm": plainfilm.__version__,
        "source": {"name": plan.order.source_name, "options": _plain(plan.order.options)},
        "corpus": corpus_of(plan.order.source_name, plan.order.config),
        "phantom": is_phantom_corpus(plan.order.raw),
        "pixels": not plan.order.tables_only,
        "licence": sorted(licences),
        "image_size": plan.order.size,
        "tables": tables,
        "fingerprint": content_fingerprint({name: table["digest"] for name, table in tables.items()}),
        "inputs": inputs.hexdigest(),
        FILES: {file: sha256_of(place / file) for name in TABLES for file in files[name]},
    }


def _parts(plan: PreparePlan, inputs: _Inputs) -> Iterator[Path]:
    return (part_folder(plan.work, number) for number in range(inputs.shards))


def _licences(images: Path) -> set[str]:
    batches = parquet_batches(paths.openable(images), _LICENCES_AT_ONCE, ["licence"])
    return {name for batch in batches for name in pc.unique(batch.column(0)).drop_null().to_pylist()}


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
