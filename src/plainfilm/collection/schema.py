"""The tables of a collection: their columns, types and meaning, and the format's version.

A collection is a folder:

    collection.json      format version, source, licence, image size, counts, content fingerprint, and the
                         SHA-256 of every table (`io.manifest`)
    studies.parquet      one row per study
    images.parquet       one row per stored image; `path` is relative to the folder
    sections.parquet     the parts of each report
    sentences.parquet    the sentences of each section
    labels.parquet       statements about studies, images, sentences or regions, each with its origin
    boxes.parquet        rectangles on stored images
    rejected.parquet     unusable parts of the raw layout, with reasons
    text_variants.parquet  paraphrases of sentences; only after `plainfilm augment`
    NAME-00001.parquet   further rows of the table NAME, and so on; only of tables of millions of rows
    images/              stored images, 8-bit grey
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

FORMAT_VERSION = 5
LISTS_DIGESTS = 4
READABLE_VERSIONS = (3, LISTS_DIGESTS, FORMAT_VERSION)
"""Format 3 lists no SHA-256 of its tables, so that damage to them may not be noticed. Format 5 has a table in
several files, of which earlier versions would read the first only; other collections are of format 4."""

STUDIES = pa.schema(
    [
        pa.field("study_id", pa.string(), nullable=False),
        pa.field("patient_id", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),  # train, validation or test
        pa.field("order", pa.float64()),  # sorts the studies of one patient in time
        pa.field("age", pa.float64()),  # years
        pa.field("sex", pa.string()),  # F or M
        pa.field("indication", pa.string()),
    ]
)

IMAGES = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("study_id", pa.string(), nullable=False),
        pa.field("path", pa.string()),  # relative to the collection; none if only tables were prepared
        pa.field("view", pa.string(), nullable=False),  # a types.View
        pa.field("width", pa.int32()),  # pixels as stored
        pa.field("height", pa.int32()),
        pa.field("original_width", pa.int32()),
        pa.field("original_height", pa.int32()),
        pa.field("pixel_spacing_mm", pa.float64()),  # of the stored image
        pa.field("licence", pa.string()),
        pa.field("flags", pa.string()),  # reasons for a manual check, separated by "; "
        pa.field("perceptual_hash", pa.string()),  # image_analysis.perceptual_hash, hexadecimal
        pa.field("sha256", pa.string()),  # of the stored file
    ]
)

SECTIONS = pa.schema(
    [
        pa.field("study_id", pa.string(), nullable=False),
        pa.field("section", pa.string(), nullable=False),  # a name of types.SECTIONS
        pa.field("position", pa.int32(), nullable=False),  # order in the report
        pa.field("text", pa.string(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),  # characters into the report text
        pa.field("end", pa.int32(), nullable=False),
    ]
)

SENTENCES = pa.schema(
    [
        pa.field("sentence_id", pa.string(), nullable=False),
        pa.field("study_id", pa.string(), nullable=False),
        pa.field("section", pa.string(), nullable=False),
        pa.field("position", pa.int32(), nullable=False),  # order in the report
        pa.field("text", pa.string(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("end", pa.int32(), nullable=False),
    ]
)

LABELS = pa.schema(
    [
        pa.field("target", pa.string(), nullable=False),  # study, image, sentence or region
        pa.field("target_id", pa.string(), nullable=False),  # a region's is IMAGE_ID:REGION
        pa.field("observation", pa.string(), nullable=False),
        pa.field("state", pa.int8(), nullable=False),  # 1 positive, 0 negative, -1 uncertain
        pa.field("origin", pa.string(), nullable=False),  # a file, a labeller and its version
        pa.field("start", pa.int32()),  # evidence: characters into the report text
        pa.field("end", pa.int32()),
        pa.field("rule", pa.string()),  # the rule that decided the state
        pa.field("laterality", pa.string()),  # attributes of the finding (labelling.attributes)
        pa.field("location", pa.string()),
        pa.field("severity", pa.string()),
        pa.field("change", pa.string()),
    ]
)

BOXES = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("name", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),  # observation, region or phrase
        pa.field("x0", pa.float64(), nullable=False),  # pixels of the stored image
        pa.field("y0", pa.float64(), nullable=False),
        pa.field("x1", pa.float64(), nullable=False),
        pa.field("y1", pa.float64(), nullable=False),
        pa.field("annotator", pa.string()),
        pa.field("phrase", pa.string()),
    ]
)

REJECTED = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),  # in the raw layout
        pa.field("reason", pa.string(), nullable=False),
        pa.field("study_id", pa.string()),
    ]
)

TEXT_VARIANTS = pa.schema(
    [
        pa.field("study_id", pa.string(), nullable=False),
        pa.field("sentence_id", pa.string(), nullable=False),
        pa.field("text", pa.string(), nullable=False),  # the paraphrase of the sentence
        pa.field("origin", pa.string(), nullable=False),  # the program that made it, with its settings
    ]
)

TABLES: dict[str, pa.Schema] = {
    "studies": STUDIES,
    "images": IMAGES,
    "sections": SECTIONS,
    "sentences": SENTENCES,
    "labels": LABELS,
    "boxes": BOXES,
    "rejected": REJECTED,
}

OPTIONAL_TABLES: dict[str, pa.Schema] = {"text_variants": TEXT_VARIANTS}
"""Tables that only some collections have; `collection.json` lists them."""

ALL_TABLES = TABLES | OPTIONAL_TABLES


def files_of(table: str, stated: Mapping[str, Any]) -> list[str]:
    """The names of the files of a table, by what `collection.json` says of it."""
    return [file_name(table, part) for part in range(stated.get("parts", 1))]


def file_name(table: str, part: int = 0) -> str:
    """The name of a file of a table; most have one."""
    return f"{table}-{part:05d}.parquet" if part else f"{table}.parquet"


def format_of(tables: Mapping[str, Mapping[str, Any]]) -> int:
    """The version of the format of a collection of these tables, as `collection.json` describes them."""
    return FORMAT_VERSION if any(stated.get("parts", 1) > 1 for stated in tables.values()) else LISTS_DIGESTS
