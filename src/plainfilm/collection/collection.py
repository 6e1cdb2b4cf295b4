"""Opens a collection; tables are read on demand."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from pydantic import field_validator

from plainfilm.collection.schema import ALL_TABLES, FORMAT_VERSION, TABLES
from plainfilm.errors import CollectionError, DataError, nearest
from plainfilm.io.json_records import Record, read_record, read_values
from plainfilm.io.tables import read_parquet

if TYPE_CHECKING:
    import pandas as pd

META = "collection.json"


_AGAIN = "prepare the collection again"


class TableFacts(Record):
    """What `collection.json` says of a table."""

    rows: int
    digest: str


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
        if not (folder / META).is_file():
            raise CollectionError(_no_collection(folder))
        try:
            meta = read_values(folder / META)
        except DataError as error:
            raise CollectionError(f"{error}; {_AGAIN}") from None
        version = meta.get("format_version")
        if version != FORMAT_VERSION:
            way_out = "update Plainfilm" if _is_newer(version) else "prepare it again with this version"
            raise CollectionError(
                f"{folder}: has collection format {version}, this Plainfilm reads {FORMAT_VERSION}; {way_out}"
            )
        read_record(folder / META, CollectionFacts, CollectionError, _AGAIN)
        return Collection(folder, meta)

    @property
    def name(self) -> str:
        """The name of the collection: that of its folder."""
        return self.path.resolve().name

    @property
    def fingerprint(self) -> str:
        """The SHA-256 digest, in hexadecimal, of all tables and through them of all images."""
        return str(self.meta["fingerprint"])

    @property
    def corpus(self) -> str:
        """The namespace of patient ids: an id means the same person within one corpus only."""
        return str(self.meta["corpus"])

    def require_pixels(self) -> None:
        """Check that the images are present.

        Raises:
            CollectionError: the collection was prepared from tables only.
        """
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
            self._tables[name] = read_parquet(self.table_path(name), ALL_TABLES[name])
        return self._tables[name]

    def has_table(self, name: str) -> bool:
        """Whether the collection has this table; it always has those of `schema.TABLES`."""
        return name in self.meta["tables"]

    def frame(self, name: str) -> pd.DataFrame:
        """A table as a new pandas frame."""
        return self.table(name).to_pandas()

    def table_path(self, name: str) -> Path:
        """The file of a table."""
        return self.path / f"{name}.parquet"

    def image_path(self, relative: str) -> Path:
        """The file of an image from its `path` in the table `images`.

        Raises:
            CollectionError: the path leads out of the collection.
        """
        inner = PurePosixPath(relative)
        if inner.is_absolute() or ".." in inner.parts:
            raise CollectionError(f"{self.path}: image path '{relative}' leads out of the collection")
        return self.path / inner

    def split_of_patients(self) -> dict[str, set[str]]:
        """The splits of every patient: more than one is a leak."""
        studies = self.table("studies")
        splits: dict[str, set[str]] = {}
        pairs = zip(studies["patient_id"].to_pylist(), studies["split"].to_pylist(), strict=True)
        for patient, split in pairs:
            splits.setdefault(patient, set()).add(split)
        return splits

    def renew(self, meta: dict[str, Any], table: str) -> None:
        """Drop the cached copy of a rewritten table, and use the new values of `collection.json`."""
        self.meta = meta
        self._tables.pop(table, None)

    def __getstate__(self) -> dict[str, Any]:
        """The state without tables: another process reads its own."""
        return {"path": self.path, "meta": self.meta, "_tables": {}}

    def __repr__(self) -> str:
        return f"Collection({str(self.path)!r}, {self.fingerprint[:12]})"


def _no_collection(folder: Path) -> str:
    if (folder / ".partial").is_dir():
        return f"{folder}: its preparation is not finished; repeat the prepare command to continue"
    if not folder.is_dir():
        return f"{folder}: no such collection; make one with `plainfilm prepare SOURCE RAW --out {folder}`"
    return f"{folder}: is not a collection (no {META}); make one with `plainfilm prepare`"


def _is_newer(version: object) -> bool:
    return isinstance(version, int) and version > FORMAT_VERSION
