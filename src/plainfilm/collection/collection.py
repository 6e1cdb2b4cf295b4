"""Opens a collection; tables are read on demand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from plainfilm.collection.schema import (
    ALL_TABLES,
    FORMAT_VERSION,
    LISTS_DIGESTS,
    READABLE_VERSIONS,
    TABLES,
    files_of,
)
from plainfilm.errors import CollectionError, DataError, nearest
from plainfilm.io import paths
from plainfilm.io.json_records import Record, check_record
from plainfilm.io.manifest import FILES, Manifest
from plainfilm.io.tables import read_batches, read_parquet

if TYPE_CHECKING:
    import pandas as pd

META = "collection.json"
PACKED = "packed"
"""The key of `collection.json` for the kind of files in which the films are packed (`interchange.packed`)."""
WAY_OUT = "prepare the collection again with --replace"


class TableFacts(Record):
    """What `collection.json` says of a table."""

    rows: int = Field(ge=0)
    digest: str
    parts: int = Field(default=1, ge=1)


class CollectionFacts(Record):
    """What `collection.json` must hold."""

    format_version: int
    fingerprint: str
    corpus: str
    pixels: bool
    licence: tuple[str, ...]
    image_size: int
    tables: dict[str, TableFacts]
    inputs: str
    phantom: bool = False

    @field_validator("tables")
    @classmethod
    def _are_all(cls, tables: dict[str, TableFacts]) -> dict[str, TableFacts]:
        missing = [name for name in TABLES if name not in tables]
        if missing:
            raise ValueError(f"table '{missing[0]}' is missing")
        return tables


class Collection:
    """Studies on disk in Plainfilm's format; `collection.schema` describes the tables."""

    def __init__(self, path: Path, meta: dict[str, Any]) -> None:
        self.path = path
        self.meta = meta
        self._tables: dict[str, pa.Table] = {}

    @staticmethod
    def open(path: Path | str) -> Collection:
        """Open the collection in a folder without reading tables.

        Raises:
            CollectionError: no collection, an unfinished one, or one of another format version.
        """
        folder = Path(path)
        if not paths.is_file(folder / META):
            raise CollectionError(_no_collection(folder))

        def check(meta: dict[str, Any]) -> None:
            version = meta.get("format_version")
            if version not in READABLE_VERSIONS:
                way_out = "update Plainfilm" if _is_newer(version) else "prepare it again with this version"
                known = f"has collection format {version}, this Plainfilm reads {FORMAT_VERSION}"
                raise CollectionError(f"{folder / META}: {known}; {way_out}")
            try:
                check_record(meta, CollectionFacts, folder / META)
            except DataError as error:
                raise CollectionError(f"{error}; {WAY_OUT}") from None

        manifest = Manifest.read(folder / META, WAY_OUT, check=check, error=CollectionError)
        if manifest.values["format_version"] >= LISTS_DIGESTS and not manifest.files:
            raise CollectionError(f"{folder / META}: has no '{FILES}', so it is damaged; {WAY_OUT}")
        return Collection(folder, dict(manifest.values))

    @property
    def name(self) -> str:
        """The name of the collection: that of its folder."""
        return paths.resolved(self.path).name

    @property
    def fingerprint(self) -> str:
        """The SHA-256 digest, in hexadecimal, of all tables and through them of all images."""
        return str(self.meta["fingerprint"])

    @property
    def corpus(self) -> str:
        """The namespace of patient ids: an id means the same person within one corpus only."""
        return str(self.meta["corpus"])

    @property
    def is_phantom(self) -> bool:
        """Whether it was prepared from phantoms, so that nothing measured on it has a clinical meaning."""
        return bool(self.meta.get("phantom", False))

    def require_pixels(self) -> None:
        """Check that the images are present.

        Raises:
            CollectionError: the collection was prepared from tables only, or its films are packed.
        """
        if PACKED in self.meta:
            raise CollectionError(
                f"{self.path}: its films are packed; unpack them with "
                f"`plainfilm convert {self.path} plainfilm --out FOLDER`"
            )
        if not self.meta["pixels"]:
            raise CollectionError(
                f"{self.path}: was prepared with --tables-only and has no films; prepare it again"
            )

    @property
    def licence(self) -> list[str]:
        """The licences of its images."""
        return list(self.meta["licence"])

    def table(self, name: str) -> pa.Table:
        """One of the tables of `schema.ALL_TABLES`, read once and cached.

        Raises:
            CollectionError: no such table, or its file is missing or damaged.
        """
        if name not in ALL_TABLES:
            raise CollectionError(f"a collection has no table '{name}': {nearest(name, ALL_TABLES)}")
        if not self.has_table(name):
            raise CollectionError(f"{self.path}: has no table '{name}'; make it with `plainfilm augment`")
        if name not in self._tables:
            self._tables[name] = pa.concat_tables(self._read(file, name) for file in self.files_of(name))
        return self._tables[name]

    def columns(self, name: str, columns: Sequence[str]) -> pa.Table:
        """Some columns of a table, for which the others are not read; raises as `table`."""
        if name in self._tables or not self.has_table(name):
            return self.table(name).select(columns)
        return pa.concat_tables(self._read(file, name, columns) for file in self.files_of(name))

    def _read(self, file: str, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        with self.manifest.open(file) as source:
            place = self.manifest.place_of(file)
            return read_parquet(place, ALL_TABLES[name], columns, source=source, way_out=WAY_OUT)

    def batches(
        self, name: str, rows: int = 65_536, columns: Sequence[str] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """A table, or some of its columns, in batches of at most so many rows, which are read as they are
        asked for.

        Raises:
            CollectionError: a file of it is missing or damaged, or lacks a column or a required value.
        """
        if name in self._tables:
            table = self._tables[name]
            yield from (table if columns is None else table.select(columns)).to_batches(rows)
            return
        for file in self.files_of(name):
            with self.manifest.open(file) as source:
                place, schema = self.manifest.place_of(file), ALL_TABLES[name]
                yield from read_batches(place, schema, rows, columns, source=source, way_out=WAY_OUT)

    def files_of(self, name: str) -> list[str]:
        """The names of the files of a table that the collection has, in the order of their rows."""
        return files_of(name, self.meta["tables"][name])

    def rows_of(self, name: str) -> int:
        """The number of rows of a table."""
        return int(self.meta["tables"][name]["rows"])

    @property
    def manifest(self) -> Manifest:
        """`collection.json` as the list of files that it is."""
        return Manifest(self.path / META, self.meta, WAY_OUT, CollectionError)

    def has_table(self, name: str) -> bool:
        """Whether the collection has this table; it always has those of `schema.TABLES`."""
        return name in self.meta["tables"]

    def frame(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """A table, or some of its columns, as a new pandas frame."""
        return (self.table(name) if columns is None else self.columns(name, columns)).to_pandas()

    def image_path(self, relative: str) -> Path:
        """The file of an image from its `path` in the table `images`.

        Raises:
            CollectionError: the path leads out of the collection.
        """
        inner = PurePosixPath(relative)
        if inner.is_absolute() or ".." in inner.parts:
            raise CollectionError(f"{self.path}: image path '{relative}' leads out of the collection")
        return self.path / inner

    def patients_of(self, split: str) -> pa.Array:
        """The distinct patients with a study in a split; one in several splits is a leak."""
        batches = self.batches("studies", columns=["patient_id", "split"])
        parts = [batch["patient_id"].filter(pc.equal(batch["split"], split)).unique() for batch in batches]
        return pa.chunked_array(parts, pa.string()).unique()

    def renew(self, meta: dict[str, Any], table: str) -> None:
        """Drop the cached copy of a rewritten table, and use the new values of `collection.json`."""
        self.meta = meta
        self._tables.pop(table, None)

    def reread(self) -> None:
        """Use what is on disk now: who has waited for a lock writes on top of what others wrote."""
        self.meta, self._tables = Collection.open(self.path).meta, {}

    def __getstate__(self) -> dict[str, Any]:
        """The state without tables: another process reads its own."""
        return {"path": self.path, "meta": self.meta, "_tables": {}}

    def __repr__(self) -> str:
        return f"Collection({str(self.path)!r}, {self.fingerprint[:12]})"


def _no_collection(folder: Path) -> str:
    if paths.is_folder(folder / ".partial"):
        return f"{folder}: its preparation is not finished; repeat the prepare command to continue"
    if not paths.is_folder(folder):
        return f"{folder}: no such collection; make one with `plainfilm prepare SOURCE RAW --out {folder}`"
    return f"{folder}: is not a collection (no {META}); make one with `plainfilm prepare`"


def _is_newer(version: object) -> bool:
    return isinstance(version, int) and version > FORMAT_VERSION
