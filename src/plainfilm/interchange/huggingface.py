"""Hugging Face `datasets`: Parquet files with the films in them, the tables, and a card that describes both.

    README.md                       the card: `load_dataset(FOLDER)` gives the films by split
    films/train-00000.parquet       a row per film: its picture, ids, report, labels and boxes
    studies.parquet, ...            the tables; `load_dataset(FOLDER, "studies")`

`image` is a picture for `datasets` (the stored file as it is). The other columns are those of the records
that the format `webdataset` writes. The format `plainfilm` makes the collection again. The Hub takes such a
folder; whether the licence of the films allows to put it there is for you to say.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from plainfilm.collection.collection import Collection
from plainfilm.collection.schema import ALL_TABLES
from plainfilm.interchange.base import Written
from plainfilm.interchange.packed import FILMS, PackedConfig, PackedFilm, pack
from plainfilm.io.files import replacing
from plainfilm.io.tables import parquet_writer
from plainfilm.types import SPLITS

_TEXT = pa.string()
_CORNERS = [(name, pa.float64()) for name in ("x0", "y0", "x1", "y1")]
_BOX = pa.struct([("name", _TEXT), ("kind", _TEXT), *_CORNERS, ("annotator", _TEXT), ("phrase", _TEXT)])
_COLUMNS = [
    ("image", pa.struct([("bytes", pa.binary()), ("path", _TEXT)])),
    *((name, _TEXT) for name in ("image_id", "study_id", "patient_id", "split", "view")),
    ("age", pa.float64()),
    ("sex", _TEXT),
    ("licence", _TEXT),
    ("report", pa.list_(pa.struct([("section", _TEXT), ("text", _TEXT)]))),
    ("labels", pa.list_(pa.struct([("observation", _TEXT), ("state", pa.int8())]))),
    ("boxes", pa.list_(_BOX)),
]
_TABLE = "table"
"""The only split of a table; "all" has a meaning of its own in `datasets`, and "train" would be wrong."""
_ROWS_PER_GROUP = 100
"""Films in one group of rows: what is read to give one of them."""

_CARD = """---
{head}---

# {name}

Chest radiographs, a collection of Plainfilm.

| table | rows |
|---|---|
{rows}

Licences of the films: {licences}. Fingerprint of the content: `{fingerprint}`.

```python
from datasets import load_dataset

films = load_dataset("FOLDER")  # a picture, the report, labels and boxes a row, by split
studies = load_dataset("FOLDER", "studies", split="table")
```

`plainfilm convert FOLDER plainfilm --out COLLECTION` makes the collection again.
"""


class Config(PackedConfig):
    """See `PackedConfig`."""


def write(collection: Collection, out: Path, config: Config) -> Written:
    """Write the Parquet files of all splits, the tables and the card.

    Raises:
        ConfigError: no labels of this origin.
        DataError: a file cannot be written.
    """
    written = pack(collection, out, config, ".parquet", _write_parquet)
    card = out / "README.md"
    with replacing(card) as temporary:
        temporary.write_text(_card(collection, written), encoding="utf-8")
    return replace(written, files=(card, *written.files))


def _schema() -> pa.Schema:
    features = {name: _feature(kind) for name, kind in _COLUMNS} | {"image": {"_type": "Image"}}
    return pa.schema(_COLUMNS, metadata={"huggingface": json.dumps({"info": {"features": features}})})


def _feature(kind: pa.DataType) -> Any:
    """A type as `datasets` writes it."""
    if pa.types.is_list(kind):
        return [_feature(kind.value_type)]
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    names = {pa.string(): "string", pa.float64(): "float64", pa.int8(): "int8", pa.binary(): "binary"}
    return {"dtype": names[kind], "_type": "Value"}


def _write_parquet(path: Path, films: Sequence[PackedFilm]) -> None:
    schema = _schema()
    with parquet_writer(path, schema) as writer:
        for start in range(0, len(films), _ROWS_PER_GROUP):
            some = films[start : start + _ROWS_PER_GROUP]
            rows = [
                {"image": {"bytes": film.file.read_bytes(), "path": film.file.name}, **film.record}
                for film in some
            ]
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def _card(collection: Collection, written: Written) -> str:
    names = [file.name for file in written.files if file.parent.name == FILMS]
    splits = [split for split in SPLITS if any(name.startswith(f"{split}-") for name in names)]
    tables = [name for name in ALL_TABLES if collection.has_table(name)]
    films = [{"split": split, "path": f"{FILMS}/{split}-*.parquet"} for split in splits]
    head = {
        "pretty_name": collection.name,
        "tags": ["radiology", "chest-radiograph"],
        "configs": [
            {"config_name": FILMS, "default": True, "data_files": films},
            *(
                {
                    "config_name": name,
                    "data_files": [{"split": _TABLE, "path": file} for file in collection.files_of(name)],
                }
                for name in tables
            ),
        ],
    }
    return _CARD.format(
        head=yaml.safe_dump(head, sort_keys=False, allow_unicode=True),
        name=collection.name,
        rows="\n".join(f"| {name} | {collection.meta['tables'][name]['rows']} |" for name in tables),
        licences=", ".join(collection.licence) or "not stated",
        fingerprint=collection.fingerprint,
    )
