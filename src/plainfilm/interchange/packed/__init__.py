"""Collections whose films are packed in a few large files, as other libraries stream them.

    collection.json, *.parquet      the tables as they are
    films/SPLIT-00000.SUFFIX, ...   the stored files of the films with what is known of each

Everything of the collection is in the folder: the format `plainfilm` makes the collection again, with the
same tables and the same bytes of every film.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from plainfilm.collection.collection import META, PACKED, Collection
from plainfilm.collection.schema import ALL_TABLES, format_of
from plainfilm.errors import CollectionError
from plainfilm.interchange.base import FormatConfig, Written, left_out_lines
from plainfilm.interchange.stored import StoredFilm, StoredStudy, chosen_origins, studies_in
from plainfilm.io.files import replacing, sha256_of
from plainfilm.io.manifest import FILES, write_manifest
from plainfilm.io.tables import parquet_batches
from plainfilm.types import SPLITS

FILMS = "films"
"""The folder of the packed films."""


class PackedConfig(FormatConfig):
    """origin: of the labels in the records of films. shard_mb: megabytes of films in one file, about."""

    images: Literal["copy"] = "copy"
    origin: str | None = None
    shard_mb: int = Field(default=256, ge=1)


@dataclass(frozen=True)
class PackedFilm:
    """The stored file of a film, and what is known of it as values of JSON."""

    file: Path
    record: dict[str, Any]


WriteShard = Callable[[Path, Sequence[PackedFilm]], None]
"""Writes some films to one file."""


def pack(
    collection: Collection, out: Path, config: PackedConfig, suffix: str, write_shard: WriteShard
) -> Written:
    """Write the tables and the packed films of a collection to the folder `out`.

    Raises:
        ConfigError: no labels of this origin.
        DataError: a file cannot be written.
    """
    origins = chosen_origins(collection, config.origin, needed=False)
    studies = list(studies_in(collection, origins))
    files = copy_tables(collection, out)
    films = 0
    for split in SPLITS:
        for number, some in enumerate(_shards(_films(studies, split), config.shard_mb << 20)):
            name = f"{FILMS}/{split}-{number:05d}{suffix}"
            with replacing(out / name) as temporary:
                write_shard(temporary, some)
            files[name] = sha256_of(out / name)
            films += len(some)
    write_meta(collection, out, {"pixels": False, PACKED: suffix.lstrip("."), FILES: files})
    labels = 0 if origins else collection.table("labels").num_rows
    left_out = {
        "labels in the records of films, as they have several origins (choose with origin=NAME); the table "
        "labels.parquet has them": labels
    }
    return Written((out / META, *(out / name for name in files)), films, left_out_lines(left_out))


def copy_tables(collection: Collection, out: Path) -> dict[str, str]:
    """Copy all tables to `out`; the digest of each by its name."""
    digests = {}
    tables = (table for table in ALL_TABLES if collection.has_table(table))
    for name in chain.from_iterable(map(collection.files_of, tables)):
        with collection.manifest.open(name) as source, replacing(out / name) as temporary:
            temporary.write_bytes(source.read_buffer())
        digests[name] = sha256_of(out / name)
    return digests


def write_meta(collection: Collection, out: Path, changes: dict[str, Any]) -> None:
    """Write `collection.json` to `out`, last of all files: with it they become a collection."""
    kept = {key: value for key, value in collection.meta.items() if key != PACKED}
    write_manifest(out / META, {**kept, "format_version": format_of(kept["tables"]), **changes})


def _films(studies: Sequence[StoredStudy], split: str) -> Iterator[PackedFilm]:
    for study in studies:
        if study.split == split:
            yield from (PackedFilm(film.path, _record(study, film)) for film in study.films)


def _record(study: StoredStudy, film: StoredFilm) -> dict[str, Any]:
    boxes = [
        {
            "name": box.name,
            "kind": box.kind,
            **dict(zip(("x0", "y0", "x1", "y1"), box.corners_xyxy_px, strict=True)),
            "annotator": box.annotator,
            "phrase": box.phrase,
        }
        for box in film.boxes
    ]
    return {
        "image_id": film.image_id,
        "study_id": study.study_id,
        "patient_id": study.patient_id,
        "split": study.split,
        "view": str(film.view),
        "age": study.age,
        "sex": study.sex,
        "licence": film.licence,
        "report": [{"section": one.name, "text": one.text} for one in study.sections],
        "labels": [{"observation": name, "state": state} for name, state in film.states.items()],
        "boxes": boxes,
    }


def _shards(films: Iterator[PackedFilm], most: int) -> Iterator[list[PackedFilm]]:
    """Films in groups of about `most` bytes."""
    some: list[PackedFilm] = []
    size = 0
    for film in films:
        some.append(film)
        size += film.file.stat().st_size
        if size >= most:
            yield some
            some, size = [], 0
    if some:
        yield some


def stored_files(collection: Collection) -> Iterator[tuple[str, bytes]]:
    """The id and the stored file of every image, wherever the collection has them.

    Raises:
        CollectionError: a file is missing, or is not what was stored.
    """
    images = collection.table("images")
    columns = (images[name].to_pylist() for name in ("image_id", "path", "sha256"))
    rows = {image: (path, digest) for image, path, digest in zip(*columns, strict=True)}
    found = _packed(collection) if PACKED in collection.meta else _own(collection, rows)
    missing = dict.fromkeys(rows)
    for image, data in found:
        if image not in rows or hashlib.sha256(data).hexdigest() != rows[image][1]:
            raise CollectionError(f"{collection.path}: film '{image}' is not the one that was stored")
        missing.pop(image, None)
        yield image, data
    if missing:
        raise CollectionError(
            f"{collection.path}: {len(missing)} films are missing, the first is {next(iter(missing))}"
        )


def _own(collection: Collection, rows: dict[str, tuple[str, str]]) -> Iterator[tuple[str, bytes]]:
    collection.require_pixels()
    for image, (path, _) in rows.items():
        file = collection.image_path(path)
        try:
            yield image, file.read_bytes()
        except OSError as error:
            raise CollectionError(f"{file}: cannot be read ({error.strerror or error})") from None


def _packed(collection: Collection) -> Iterator[tuple[str, bytes]]:
    for name in collection.manifest.files:
        if not name.startswith(f"{FILMS}/"):
            continue
        with collection.manifest.open(name) as source:
            yield from _of_tar(source) if name.endswith(".tar") else _of_parquet(source)


def _of_tar(source: Any) -> Iterator[tuple[str, bytes]]:
    """Members of one film follow each other: KEY.json, KEY.jpg."""
    image = ""
    with tarfile.open(fileobj=source, mode="r|") as archive:
        for member in archive:
            opened = archive.extractfile(member)
            data = b"" if opened is None else opened.read()
            if member.name.endswith(".json"):
                image = json.loads(data)["image_id"]
            else:
                yield image, data


def _of_parquet(source: Any) -> Iterator[tuple[str, bytes]]:
    for batch in parquet_batches(source, 64, ["image_id", "image"]):
        for row in batch.to_pylist():
            yield row["image_id"], row["image"]["bytes"]
