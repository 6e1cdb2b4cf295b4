"""Labels a CSV file of reports, any number of rows: columns in, the same columns and one per observation out.

Rows are read, labelled and written in pieces, so that memory does not grow with the file. The result takes
its place when it is whole.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple, TextIO

from plainfilm.errors import DataError, UsageError
from plainfilm.io import limits
from plainfilm.io.csv_files import (
    CsvReader,
    find_header,
    looks_like_rows,
    open_csv,
    require_columns,
)
from plainfilm.io.files import replacing
from plainfilm.io.locks import writing_file
from plainfilm.io.workers import WorkersLike, in_workers
from plainfilm.labelling.explain import READ_SECTIONS
from plainfilm.labelling.labeller import Labeller
from plainfilm.labelling.local_model import LocalModel, load_labeller
from plainfilm.labelling.reports import ReportReading, read_report
from plainfilm.labelling.vocabularies import placed_vocabulary
from plainfilm.progress import SILENT, Progress
from plainfilm.text.sections import parse_sections
from plainfilm.text.sentences import sentence_spans, split_sentences
from plainfilm.types import SECTIONS, Section, State

Codes = Literal["chexpert", "chexbert"]

CODES: Mapping[Codes, Mapping[State | None, str]] = {
    "chexpert": {State.POSITIVE: "1", State.NEGATIVE: "0", State.UNCERTAIN: "-1", None: ""},
    "chexbert": {State.POSITIVE: "1", State.NEGATIVE: "2", State.UNCERTAIN: "3", None: "0"},
}
"""How a state is written: CheXpert's table, and the numbers of CheXbert's classes."""

STATUS = "report_status"
"""The column that says what became of a report."""

_ROWS_PER_CHUNK = 512

Status = Literal["labelled", "nothing recognised", "not readable", "empty"]


class _Chunk(NamedTuple):
    """Texts of rows from `first` on; each row has one text per column of `columns`."""

    vocabulary: str
    model: LocalModel | None
    codes: Codes
    columns: tuple[str, ...]
    evidence: bool
    header_rules: str
    first: int
    texts: list[tuple[str, ...]]


class _Labelled(NamedTuple):
    """Per row of a chunk its status and the cells of its observations, and the lines of evidence."""

    statuses: list[Status]
    cells: list[tuple[str, ...]]
    evidence: list[str]


@dataclass(frozen=True)
class LabelledCsv:
    """What became of a file: rows, and how many of each status."""

    rows: int
    statuses: Mapping[str, int]


def label_csv(
    path: Path,
    out: Path,
    text_columns: Sequence[str],
    *,
    vocabulary: str = "chexpert",
    model: LocalModel | None = None,
    codes: Codes = "chexpert",
    header_rules: str = "plain",
    evidence: Path | None = None,
    workers: WorkersLike = None,
    progress: Progress = SILENT,
) -> LabelledCsv:
    """Writes `path` to `out` with the status and the states of every row's report.

    A text column called findings, impression or another section's name is that section; any other is cut
    into sections first, by `header_rules` (see `text.sections`). Findings, impression and text under no
    known header are read. `evidence` is a file of JSON lines: for every label its row, column, sentence,
    characters, rule and attributes. With `model`, sentences are read by it and not by rules.

    Raises:
        DataError: no such file, a missing column (with the nearest), a row of another length than the
            header.
        UsageError: a column of the file has the name of one that is written; `model` is not on this network;
            `out` or `evidence` exists, or another process is writing it.
        ModelError: `model` does not answer.
    """
    labeller = load_labeller(vocabulary, model=model)
    parse_sections("", header_rules)  # an unknown name is an error before anything is read
    counts: Counter[str] = Counter()
    with ExitStack() as stack:
        for file in (out, evidence):
            stack.enter_context(writing_file(file, new=True))
        reader = stack.enter_context(open_csv(path))
        header = _header(path, reader.headers, text_columns, labeller.observations)
        writer = csv.writer(_opened(stack, out), lineterminator="\n")
        lines = _opened(stack, evidence) if evidence else None
        writer.writerow([*header, STATUS, *labeller.observations])
        rows: list[list[list[str]]] = []
        places = [header.index(str(find_header(path, name, header))) for name in text_columns]
        settings = (
            placed_vocabulary(vocabulary),
            model,
            codes,
            tuple(text_columns),
            evidence is not None,
            header_rules,
        )
        chunks = _chunks(_rows(path, reader, len(header)), places, settings, rows)
        stream = in_workers(label_texts, chunks, workers, progress=progress)
        for labelled in progress.track(stream, None, "labelling"):
            written = zip(rows.pop(0), labelled.statuses, labelled.cells, strict=True)
            writer.writerows([*row, status, *cells] for row, status, cells in written)
            counts.update(labelled.statuses)
            if lines:
                lines.writelines(labelled.evidence)
    return LabelledCsv(counts.total(), dict(counts))


def _header(
    path: Path, header: list[str], text_columns: Sequence[str], observations: Sequence[str]
) -> list[str]:
    require_columns(path, header, text_columns)
    repeated = next((name for name in text_columns if header.count(name) > 1), None)
    if repeated is not None:
        raise DataError(f"{path}: header '{repeated}' occurs twice; rename one of the columns")
    taken = [name for name in (STATUS, *observations) if name in header]
    if taken:
        raise UsageError(f"{path}: has a column '{taken[0]}' already, which labelling writes; rename it")
    return header


def _opened(stack: ExitStack, path: Path) -> TextIO:
    """`path` to write to; compressed where its name ends in .gz."""
    temporary = stack.enter_context(replacing(path))
    if path.suffix == ".gz":
        # Without a time and the temporary name, the same labels are the same bytes.
        raw = stack.enter_context(temporary.open("wb"))
        packed = stack.enter_context(gzip.GzipFile("", "wb", compresslevel=3, fileobj=raw, mtime=0))
        return stack.enter_context(io.TextIOWrapper(packed, encoding="utf-8", newline=""))
    return stack.enter_context(temporary.open("w", encoding="utf-8", newline=""))


def _rows(path: Path, reader: CsvReader, width: int) -> Iterator[list[str]]:
    for row in reader:
        if len(row) != width or looks_like_rows(row, reader.delimiter):
            raise DataError(
                f"{path}: line {reader.first_line}: {len(row)} cells under {width} headers, or a quote is "
                "left open; cells with commas or line breaks need quotes"
            )
        longest = max(map(len, row))
        if longest > limits.LONGEST_TEXT:
            raise DataError(
                f"{path}: line {reader.first_line}: a cell of {longest:,} characters; "
                f"at most {limits.LONGEST_TEXT:,} are read"
            )
        yield row


def _chunks(
    stream: Iterator[list[str]],
    places: Sequence[int],
    settings: tuple[str, LocalModel | None, Codes, tuple[str, ...], bool, str],
    kept: list[list[list[str]]],
) -> Iterator[_Chunk]:
    """Texts to label; the rows they are from are appended to `kept`."""
    first = 0
    while rows := list(islice(stream, _ROWS_PER_CHUNK)):
        kept.append(rows)
        yield _Chunk(*settings, first, [tuple(row[place] for place in places) for row in rows])
        first += len(rows)


@lru_cache(maxsize=4)
def _labeller(vocabulary: str, model: LocalModel | None, details: bool) -> Labeller:
    return load_labeller(vocabulary, details=details, model=model)


def label_texts(chunk: _Chunk) -> _Labelled:
    """Labels the reports of a chunk."""
    labeller, codes = _labeller(chunk.vocabulary, chunk.model, chunk.evidence), CODES[chunk.codes]
    statuses: list[Status] = []
    cells: list[tuple[str, ...]] = []
    blank = (codes[None],) * len(labeller.observations)
    evidence: list[str] = []
    for number, texts in enumerate(chunk.texts, chunk.first):
        parts = [
            (column, section)
            for column, text in zip(chunk.columns, texts, strict=True)
            for section in read_sections(column, text, chunk.header_rules)
        ]
        spans = [sentence_spans(section.text) for _, section in parts]
        read = read_report([words for found in spans for words, _, _ in found], labeller)
        if chunk.evidence:
            evidence += _evidence(number, parts, read, labeller)
        statuses.append(_status(texts, read))
        states = read.states
        if states:
            cells.append(tuple([codes[states.get(name)] for name in labeller.observations]))
        else:
            cells.append(blank)
    return _Labelled(statuses, cells, evidence)


def read_sections(column: str, text: str, header_rules: str = "plain") -> Sequence[Section]:
    """The sections of a cell that are read."""
    name = column.strip().lower()
    if name in SECTIONS:
        return (Section(name, text, 0, len(text)),) if name in READ_SECTIONS else ()
    return [section for section in parse_sections(text, header_rules) if section.name in READ_SECTIONS]


def _status(texts: Sequence[str], read: ReportReading) -> Status:
    if not any(text.strip() for text in texts):
        return "empty"
    if not read.readable:
        return "not readable"
    if any(read.labels):
        return "labelled"
    return "not readable" if read.in_part else "nothing recognised"


def _evidence(
    row: int, parts: Sequence[tuple[str, Section]], read: ReportReading, labeller: Labeller
) -> Iterator[str]:
    sentences = [
        (column, sentence)
        for column, section in parts
        for sentence in split_sentences(section.text, section.start, section.name)
    ]
    for (column, sentence), labels in zip(sentences, read.labels, strict=True):
        for label in labeller.placed(sentence, labels):
            facts = {
                "row": row,
                "column": column,
                "observation": label.observation,
                "state": int(label.state),
                "sentence": sentence.text,
                "start": label.start,
                "end": label.end,
                "rule": label.rule,
                **dict(label.attributes),
            }
            yield json.dumps(facts, ensure_ascii=False) + "\n"
