"""Finds duplicate images and reports in one or several collections, with some 60 bytes in memory for each."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import DTypeLike, NDArray

from plainfilm.collection.collection import Collection
from plainfilm.collection.duplicates import IMAGE, NEAR_DUPLICATE, REPORT, Entry, Items, repeated
from plainfilm.collection.equal_keys import Ints, Key, equal_groups, is_first_occurrence
from plainfilm.collection.near_duplicates import Hashes, near_duplicate_pairs
from plainfilm.collection.row_index import RowIndex, hashes, index_of, studies_of
from plainfilm.collection.same_films import connected, same_films
from plainfilm.collection.study_facts import StudyFacts
from plainfilm.collection.study_texts import rows_by_study
from plainfilm.collection.table_cells import PLACE, cells
from plainfilm.image_analysis.perceptual_hash import BITS
from plainfilm.io.growing_array import GrowingArray
from plainfilm.text.rules import normalise

_COMPARED_SECTIONS = ("findings", "impression", "findings_and_impression", "other")
_AT_ONCE = 1 << 14
"""Images or reports."""

Collections = Sequence[Collection]
Rows = NDArray[np.int32]


class Repeats(NamedTuple):
    """The entries of duplicate images and of duplicate reports, the largest of each kind first."""

    images: list[Entry]
    reports: list[Entry]


def repeats(collections: Collections) -> Repeats:
    """The images with the same bytes or the same content, and the reports with the same text."""
    studies = _studies_of_images(collections)
    identical = _identical_files(collections, studies)
    alike = _same_content(collections, studies)
    facts = StudyFacts(collections)  # as large as a table of hashes, which is gone
    images = Items(facts, studies)
    found = [*repeated(images, IMAGE, identical), *repeated(images, NEAR_DUPLICATE, alike)]
    del images, studies
    reports, keys = _reports(facts)
    return Repeats(found, [*repeated(reports, REPORT, equal_groups(keys))])


def _studies_of_images(collections: Collections) -> Rows:
    """The number of the study of every image, -1 if it has none; numbers go through all collections."""
    found, start = GrowingArray(np.int32, _rows_of(collections, "images")), 0
    for collection in collections:
        index = index_of(collection, "study")
        studies = studies_of(collection, "image", index)
        found.add(np.where(studies < 0, studies, studies + start))
        start += len(index)
    return found.array()


def _identical_files(collections: Collections, studies: Rows) -> list[Ints]:
    rows, keys = _digests(collections, studies, "sha256")
    return [rows[group].astype(np.int64) for group in equal_groups(keys)]


def _same_content(collections: Collections, studies: Rows) -> list[Ints]:
    """Images that are copies of one film in different files: resized, recompressed or brightened."""
    rows, keys = _digests(collections, studies, "perceptual_hash")
    rows = rows[is_first_occurrence(keys)]
    del keys
    pairs = near_duplicate_pairs(_perceptual_hashes(collections, rows))
    files = partial(_files, collections)
    confirmed = same_films(pairs, lambda images: files(rows[images].astype(np.int64)))
    return [rows[group].astype(np.int64) for group in connected(confirmed)]


def _digests(collections: Collections, studies: Rows, needed: str) -> tuple[Rows, Key]:
    """The images of known studies that have a value in the column `needed`: their numbers, and two hashes of
    each file's SHA-256; images without one share a key."""
    rows, first, other = columns = _columns(len(studies), np.int32, np.uint64, np.uint64)
    start = 0
    for batch in (
        batch for one in collections for batch in one.batches("images", _AT_ONCE, sorted({"sha256", needed}))
    ):
        has_study = studies[start : start + len(batch)] >= 0
        usable = has_study & batch[needed].is_valid().to_numpy(zero_copy_only=False)
        digests = pc.fill_null(batch["sha256"].filter(pa.array(usable)), "")
        _add(columns, np.flatnonzero(usable) + start, *hashes(digests))
        start += len(batch)
    return rows.array(), (first.array(), other.array())


def _rows_of(collections: Collections, table: str) -> int:
    return sum(collection.rows_of(table) for collection in collections)


def _columns(expected: int, *kinds: DTypeLike) -> list[GrowingArray]:
    return [GrowingArray(kind, expected) for kind in kinds]


def _add(columns: Iterable[GrowingArray], *parts: NDArray) -> None:
    for column, part in zip(columns, parts, strict=True):
        column.add(part)


def _perceptual_hashes(collections: Collections, rows: Rows) -> Hashes:
    """(N, 32) the perceptual hashes of images, by their numbers in ascending order."""
    found = np.empty((len(rows), BITS // 8), np.uint8)
    start = 0
    for batch in (
        batch for one in collections for batch in one.batches("images", _AT_ONCE, ["perceptual_hash"])
    ):
        first, end = np.searchsorted(rows, [start, start + len(batch)])
        texts = batch["perceptual_hash"].take(pa.array(rows[first:end] - start)).to_pylist()
        found[first:end] = np.frombuffer(bytes.fromhex("".join(texts)), np.uint8).reshape(
            found[first:end].shape
        )
        start += len(batch)
    return found


def _files(collections: Collections, rows: Ints) -> list[Path]:
    """The files of some images."""
    found = cells(collections, "images", ["path"], rows)
    places, paths = found[PLACE].to_pylist(), found["path"].to_pylist()
    return [collections[place].image_path(path) for place, path in zip(places, paths, strict=True)]


def _reports(facts: StudyFacts) -> tuple[Items, Key]:
    """The reports of known studies, with keys of their texts."""
    expected = _rows_of(facts.collections, "sections")
    columns = _columns(expected, np.int32, np.int32, np.uint64, np.uint64)
    for place, collection in enumerate(facts.collections):
        index, texts = index_of(collection, "study"), _texts(collection)
        while block := list(islice(texts, _AT_ONCE)):
            _add(columns, *_numbers(block, index, facts.first_of(place)))
        del index
    studies, words, first, other = (column.array() for column in columns)
    return Items(facts, studies, words), (first, other)


class _Text(NamedTuple):
    study_id: str
    digest: bytes
    words: int


def _texts(collection: Collection) -> Iterator[_Text]:
    """The findings, impression and other sections of every study with any, folded."""
    for study, rows in rows_by_study(collection, "sections", _COMPARED_SECTIONS):
        if rows:
            text = normalise(" ".join(row["text"] for row in rows))
            digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16)
            yield _Text(study, digest.digest(), len(text.split()))


def _numbers(
    texts: Sequence[_Text], index: RowIndex, start: int
) -> tuple[Rows, Rows, NDArray[np.uint64], NDArray[np.uint64]]:
    """The study, number of words and halves of the digest of each of the texts (n,) of known studies; `start`
    is the number of the first study of the collection."""
    rows = index.rows(pa.array([text.study_id for text in texts], pa.string()))
    known = rows >= 0
    words = np.array([text.words for text in texts], dtype=np.int32)
    digests = np.frombuffer(bytearray().join(text.digest for text in texts), np.uint64).reshape(-1, 2)
    first, other = np.ascontiguousarray(digests[known].T)
    return (rows[known] + start).astype(np.int32), words[known], first, other
