"""WebDataset: tar files of films, each with its record as JSON, and the tables beside them.

    films/train-00000.tar      000000.json, 000000.jpg, 000001.json, 000001.jpg, ...
    *.parquet                  the tables of the collection (`collection.schema`)

The format is that of the library webdataset: members of one film have one name before the first dot. The
record of a film has its ids, split, view, age, sex and licence, the `report` of its study by section,
`labels` (states 1, 0, -1) and `boxes` in pixels. The format `plainfilm` makes the collection again.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

from plainfilm.collection.collection import Collection
from plainfilm.interchange.base import Written
from plainfilm.interchange.packed import PackedConfig, PackedFilm, pack


class Config(PackedConfig):
    """See `PackedConfig`."""


def write(collection: Collection, out: Path, config: Config) -> Written:
    """Write the tar files of all splits, and the tables.

    Raises:
        ConfigError: no labels of this origin.
        DataError: a file cannot be written.
    """
    return pack(collection, out, config, ".tar", _write_tar)


def _write_tar(path: Path, films: Sequence[PackedFilm]) -> None:
    with tarfile.open(path, "w") as archive:
        for number, film in enumerate(films):
            record = json.dumps(film.record, ensure_ascii=False).encode()
            for suffix, data in ((".json", record), (film.file.suffix, film.file.read_bytes())):
                # Time and owner are those of an empty header: the same films give the same bytes.
                member = tarfile.TarInfo(f"{number:06d}{suffix}")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
