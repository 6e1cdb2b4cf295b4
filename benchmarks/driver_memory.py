"""The largest memory of the process of a command, its workers not counted, for tables of more and more rows.

    python benchmarks/driver_memory.py [ROWS=10000,100000,1000000] [WAYS=label-csv,prepare,...] [RAY]

One report of two sentences a row, as CSV (`label-csv`, `prepare`) and as the collection that `prepare` has
made of it without films (`label`, `sentences`: a bank of them). `images` (a bank), `audit` and `evaluate`
(zero-shot) are of a collection with one film a row, each a file of 8 x 8 pixels (a million take 4 GB of
blocks) that differs from the others by a number behind its pixels. The shipped model is asked, but its
encoders are replaced by random unit vectors: on a cluster nodes encode, and that is not what is measured.
Every measurement is a process of its own with two workers, local ones or, with RAY an address ("local"),
those of Ray. Memory is the largest resident set (VmHWM of Linux), mapped files included; with several numbers
of rows, what a row takes is told from the first and each other.
"""

from __future__ import annotations

import csv
import hashlib
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from functools import cache, partial
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

WAYS = ("label-csv", "prepare", "label", "sentences")
OF_FILMS = ("images", "audit", "evaluate")
PIECE = 10_000
SIDE = 8
SENTENCES = (
    "The lungs are clear.",
    "Small left pleural effusion.",
    "No pneumothorax.",
    "Mild cardiomegaly is unchanged.",
)


def write_table(path: Path, rows: int) -> None:
    """One film and one report a row, two rows a patient."""
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["path", "report", "study_id", "patient_id", "split"])
        for row in range(rows):
            report = f"FINDINGS: {SENTENCES[row % 4]} Film {row}."
            writer.writerow([f"{row}.png", report, f"s{row}", f"p{row // 2}", "train"])


def write_films(folder: Path, rows: int) -> None:
    """A collection of one film a row, two rows a patient, with random hashes and labels of three findings."""
    from plainfilm.collection import schema
    from plainfilm.collection.collection import META
    from plainfilm.collection.merge import content_fingerprint, write_stream
    from plainfilm.io.files import sha256_of
    from plainfilm.io.manifest import FILES as LISTED
    from plainfilm.io.manifest import write_manifest

    for row in range(rows):
        path = folder / _path(row)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_film(row))
    draw = np.random.default_rng(0)
    tables = {
        name: write_stream(name, _pieces(name, rows, draw), lambda file: nullcontext(folder / file))
        for name in schema.TABLES
    }
    files = [file for name, stated in tables.items() for file in schema.files_of(name, stated)]
    head = {"format_version": schema.format_of(tables), "source": {"name": "table", "options": {}}}
    facts = {
        "corpus": "table",
        "pixels": True,
        "licence": [],
        "image_size": SIDE,
        "inputs": "",
        "tables": tables,
    }
    fingerprint = content_fingerprint({name: table["digest"] for name, table in tables.items()})
    stated = {LISTED: {file: sha256_of(folder / file) for file in files}, "fingerprint": fingerprint}
    write_manifest(folder / META, {**head, **facts, **stated})


def _path(row: int) -> str:
    return f"images/{row // PIECE}/{row}.jpg"


def _film(row: int) -> bytes:
    """The content of a film's file, which no other film has."""
    return _pixels() + row.to_bytes(4, "big")


@cache
def _pixels() -> bytes:
    stream = io.BytesIO()
    film = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE), dtype=np.uint8)
    Image.fromarray(film).save(stream, "JPEG")
    return stream.getvalue()


def _pieces(name: str, rows: int, draw: np.random.Generator) -> Iterator[pa.Table]:
    from plainfilm.collection.schema import TABLES

    for start in range(0, rows, PIECE):
        count = min(PIECE, rows - start)
        made = [one for row in range(start, start + count) for one in _rows(name, row, draw)]
        yield pa.Table.from_pylist(made, schema=TABLES[name])


def _rows(name: str, row: int, draw: np.random.Generator) -> Iterator[dict[str, object]]:
    """The rows of a table for one film."""
    if name == "studies":
        yield {"study_id": f"s{row}", "patient_id": f"p{row // 2}", "split": "test"}
    elif name == "images":
        size = {"width": SIDE, "height": SIDE}
        content = {
            "path": _path(row),
            "sha256": hashlib.sha256(_film(row)).hexdigest(),
            "perceptual_hash": draw.bytes(32).hex(),
        }
        yield {"image_id": f"i{row}", "study_id": f"s{row}", "view": "PA", **size, **content}
    elif name == "labels":
        of = {"target": "study", "target_id": f"s{row}", "origin": "drawn"}
        for number, observation in enumerate(("Edema", "Cardiomegaly", "Pneumothorax")):
            yield {**of, "observation": observation, "state": (row >> number) & 1}


def stand_in(folder: Path):
    """The shipped model, with random unit vectors in place of what its encoders make."""
    from plainfilm.predictor import load

    predictor, draw = load("nano"), np.random.default_rng(0)

    def encoded(items, progress=None, size=1024):
        stream = iter(items)
        while count := sum(1 for _ in islice(stream, size)):
            vectors = draw.standard_normal((count, predictor.dimension), dtype=np.float32)
            yield vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    predictor.stream_images = predictor.stream_texts = encoded
    return predictor


def work(way: str, folder: Path, ray: str | None) -> None:
    """One way over the table or the collection in `folder`."""
    from plainfilm.collection import Collection, prepare
    from plainfilm.io.workers import Workers

    workers, table, made = Workers(2, ray), folder / "table.csv", folder / "collection"
    if way == "label-csv":
        from plainfilm.labelling.table import label_csv

        label_csv(table, folder / "labels.csv", ["report"], workers=workers)
    elif way == "prepare":
        prepare("table", table, made, tables_only=True, workers=workers)
    elif way == "label":
        from plainfilm.collection.label import label_collection

        label_collection(Collection.open(made), workers=workers)
    elif way in ("sentences", "images"):
        from plainfilm.bank.build import build_bank

        build_bank(stand_in(folder), Collection.open(made), way, folder / "bank")
    elif way == "audit":
        from plainfilm.collection.audit import audit

        audit([Collection.open(made)], workers=Workers(1, ray))
    else:
        from plainfilm.tasks import zero_shot

        zero_shot.run(stand_in(folder), [Collection.open(made)], zero_shot.Config())


def peak_mb() -> float:
    """The largest resident set of this process so far."""
    [line] = [row for row in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in row]
    return int(line.split()[1]) / 1e3


def main(counts: list[int], ways: list[str], ray: str | None) -> None:
    """All ways for each number of rows."""
    first: dict[str, tuple[int, float]] = {}
    for count in counts:
        for own in ([way for way in ways if (way in OF_FILMS) == films] for films in (False, True)):
            with tempfile.TemporaryDirectory() as place:
                write = partial(write_films, Path(place) / "collection") if {*own} & {*OF_FILMS} else None
                write(count) if write else write_table(Path(place) / "table.csv", count)
                for way in own:
                    told, taken = measured(way, place, ray)
                    base = first.setdefault(way, (count, told))
                    slope = (told - base[1]) * 1e6 / (count - base[0]) if count > base[0] else None
                    of_row = "" if slope is None else f", {slope:.0f} bytes a row more than {base[0]:,}"
                    print(f"{way}, {count:,} rows: {told:.0f} MB, {taken:.0f} s{of_row}", flush=True)


def measured(way: str, place: str, ray: str | None) -> tuple[float, float]:
    """The memory of a way in MB, and its seconds."""
    begun = time.perf_counter()
    command = [sys.executable, __file__, "--one", way, place, *([ray] if ray else [])]
    told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(told.split()[-1]), time.perf_counter() - begun


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        work(sys.argv[2], Path(sys.argv[3]), sys.argv[4] if len(sys.argv) > 4 else None)
        print(f"{peak_mb():.0f}")
    else:
        given = sys.argv[1:]
        numbers = [int(word) for word in (given[0] if given else "10000,100000,1000000").split(",")]
        main(numbers, (given[1] if len(given) > 1 else ",".join(WAYS)).split(","), (given[2:] or [None])[0])
