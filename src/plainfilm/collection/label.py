"""Labels the sentences and studies of a collection from their reports.

Findings, impression and text under no known header are read; indication, comparison and technique describe
the question or the past, not the present findings. Rows of other origins stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain, islice
from typing import Any

import pyarrow as pa

from plainfilm.collection.collection import Collection
from plainfilm.collection.rewriting import other_rows, rewrite
from plainfilm.collection.schema import LABELS
from plainfilm.collection.study_texts import StudyTexts, study_texts
from plainfilm.io.locks import writing
from plainfilm.io.workers import WorkersLike, in_workers
from plainfilm.labelling.explain import READ_SECTIONS
from plainfilm.labelling.labeller import Labeller
from plainfilm.labelling.local_model import LocalModel, load_labeller
from plainfilm.labelling.reports import read_report
from plainfilm.labelling.vocabularies import placed_vocabulary
from plainfilm.progress import SILENT, Progress
from plainfilm.types import Label, State

STUDIES_PER_CHUNK = 256

Row = dict[str, Any]


@dataclass(frozen=True)
class _Chunk:
    vocabulary: str
    model: LocalModel | None
    studies: list[StudyTexts]


def label_collection(
    collection: Collection,
    vocabulary: str = "chexpert",
    workers: WorkersLike = None,
    progress: Progress = SILENT,
    model: LocalModel | None = None,
) -> int:
    """Write the labels of one vocabulary's labeller for every study and sentence; return their number.

    With `model`, sentences are read by it and not by rules (see `labelling.local_model`).
    Earlier rows of the same origin are replaced, so that the call can be repeated. The collection's
    fingerprint changes with its labels. Killed at any moment, the collection has the old labels or the new.

    Raises:
        UsageError: another process is writing the collection.
        DataError: the table cannot be written.
    """
    origin = load_labeller(vocabulary, model=model).origin
    written = [0]

    def new() -> Iterator[pa.Table]:
        chunks = _chunks(study_texts(collection, READ_SECTIONS), placed_vocabulary(vocabulary), model)
        for rows in progress.track(_labelled(chunks, workers, progress), None, "labelling studies"):
            written[0] += len(rows)
            yield pa.Table.from_pylist(rows, schema=LABELS)

    with writing(collection.path):
        collection.reread()
        rewrite(collection, "labels", chain(other_rows(collection, "labels", origin), new()))
    return written[0]


def _labelled(chunks: Iterable[_Chunk], workers: WorkersLike, progress: Progress) -> Iterator[list[Row]]:
    """The label rows of each study in turn."""
    for studies in in_workers(label_chunk, chunks, workers, progress=progress):
        yield from studies


def _chunks(studies: Iterator[StudyTexts], vocabulary: str, model: LocalModel | None) -> Iterator[_Chunk]:
    while chunk := list(islice(studies, STUDIES_PER_CHUNK)):
        yield _Chunk(vocabulary, model, chunk)


def sample_chunk(collection: Collection, vocabulary: str) -> _Chunk:
    """The first studies of a collection as a chunk for `label_chunk`; none where it has no texts."""
    return next(
        _chunks(study_texts(collection, READ_SECTIONS), vocabulary, None), _Chunk(vocabulary, None, [])
    )


@lru_cache(maxsize=4)
def _labeller(vocabulary: str, model: LocalModel | None) -> Labeller:
    return load_labeller(vocabulary, model=model)


def label_chunk(chunk: _Chunk) -> list[list[Row]]:
    """The label rows of each study of a chunk: its own first, then its sentences'."""
    labeller = _labeller(chunk.vocabulary, chunk.model)
    return [_label_study(study, labeller) for study in chunk.studies if study.sections]


def _label_study(study: StudyTexts, labeller: Labeller) -> list[Row]:
    evidence: list[Label] = []
    of_sentences: list[Row] = []
    read = read_report([sentence["text"] for sentence in study.sentences], labeller)
    for sentence, found in zip(study.sentences, read.labels, strict=True):
        labels = [_in_report(label, sentence, study.sections) for label in found]
        states = {label.observation: label.state for label in labels}
        of_sentences += _rows("sentence", sentence["sentence_id"], states, labels, labeller.origin)
        evidence += labels
    return _rows("study", study.study_id, read.states, evidence, labeller.origin) + of_sentences


def _rows(
    target: str, target_id: str, states: Mapping[str, State], evidence: list[Label], origin: str
) -> list[Row]:
    """One row per observation, with the first evidence for its state."""
    rows = []
    for observation, state in states.items():
        proof = next(
            (label for label in evidence if label.observation == observation and label.state == state), None
        )
        rows.append(
            {
                "target": target,
                "target_id": target_id,
                "observation": observation,
                "state": int(state),
                "origin": origin,
                "start": proof.start if proof else None,
                "end": proof.end if proof else None,
                "rule": proof.rule if proof else None,
                **dict(proof.attributes if proof else ()),
            }
        )
    return rows


def _in_report(label: Label, sentence: Row, sections: list[Row]) -> Label:
    """A label with its offsets converted from the sentence's text to the report's.

    A sentence has single spaces instead of runs of white space; its section has the published characters.
    """
    if label.start is None or label.end is None:
        return label
    section = next(
        (row for row in sections if row["start"] <= sentence["start"] and sentence["end"] <= row["end"]), None
    )
    if section is None:
        return label
    raw = section["text"][sentence["start"] - section["start"] : sentence["end"] - section["start"]]
    places = [
        place
        for place, letter in enumerate(raw)
        if not (letter.isspace() and raw[place - 1 : place].isspace())
    ]
    if label.end > len(places) or not label.end:
        return label
    start, end = sentence["start"] + places[label.start], sentence["start"] + places[label.end - 1] + 1
    return replace(label, start=start, end=end)
