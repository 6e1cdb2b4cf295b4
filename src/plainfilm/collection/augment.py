"""Paraphrases the sentences of a collection by back-translation.

Back-translation (Sennrich et al. 2016, arXiv:1511.06709; used by CXR-CLIP, arXiv:2310.13292) is a job that
runs once: every distinct sentence is translated once, every translation is checked
(`prompts.consistency_check`), and those that pass become rows of the table `text_variants`. Finished work is
kept in a journal beside the tables, so that a killed job continues where it stopped.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plainfilm.collection.collection import META, Collection
from plainfilm.collection.rewriting import other_rows, rewrite
from plainfilm.collection.schema import TEXT_VARIANTS
from plainfilm.errors import DataError
from plainfilm.io.files import flush, replacing
from plainfilm.io.locks import writing
from plainfilm.io.manifest import settle
from plainfilm.io.workers import WorkersLike, in_workers
from plainfilm.labelling.explain import READ_SECTIONS
from plainfilm.progress import SILENT, Progress
from plainfilm.prompts.consistency_check import UNREAD, can_be_checked, why_unfaithful
from plainfilm.text.translation import Translator

TABLE = "text_variants"
JOURNAL = ".text_variants.partial.jsonl"
BATCHES_PER_CHUNK = 8
KEPT = "kept"
UNFINISHED = "too long to be translated"


@dataclass(frozen=True)
class BackTranslation:
    """The settings of a back-translation: the models' folders or names, and the sampling.

    into: the language code for a first model that knows several. temperatures: in each direction; 1 is the
    model's own distribution, lower ones prefer likely words. batch_size: texts per batch; it changes texts by
    rounding only.
    """

    there: str
    back: str
    into: str | None = None
    temperatures: tuple[float, float] = (1.0, 1.0)
    beams: int = 5
    batch_size: int = 32
    seed: int = 42


@dataclass(frozen=True)
class Summary:
    """The results of a job: distinct texts, paraphrased texts, the number of sentences with these texts, and
    the reasons why the others were not paraphrased.
    """

    texts: int
    kept: int
    sentences: int
    reasons: dict[str, int]


class Outcome(NamedTuple):
    """The translation of one text, if any, and `KEPT` or the reason for rejecting it."""

    translation: str | None
    verdict: str


@dataclass(frozen=True)
class _Chunk:
    job: BackTranslation
    texts: list[str]


def augment_collection(
    collection: Collection,
    job: BackTranslation,
    splits: Sequence[str] = ("train",),
    *,
    workers: WorkersLike = None,
    rejected: Path | None = None,
    progress: Progress = SILENT,
) -> Summary:
    """Add the back-translations of the sentences of `splits` to the table `text_variants`.

    The sections read are findings, impression and text under no known header. Rows of other origins stay; a
    finished job returns at once. `rejected` is a JSON lines file for rejected translations. The collection's
    fingerprint changes with the table. Memory grows with the number of distinct sentences, about 0.2 kB each.

    Raises:
        ModelError, UsageError, MissingDependency: a model cannot be used (see `Translator.load`).
        UsageError: another process is writing the collection.
        DataError: `rejected` is set for a finished job.
    """
    with writing(collection.path):
        collection.reread()
        return _augment(collection, job, splits, workers, rejected, progress)


def _augment(
    collection: Collection,
    job: BackTranslation,
    splits: Sequence[str],
    workers: WorkersLike,
    rejected: Path | None,
    progress: Progress,
) -> Summary:
    origin = origin_of(job)
    stated, journal = collection.meta["tables"].get(TABLE, {}).get("origins", {}), collection.path / JOURNAL
    done = stated.get(origin)
    if done is not None and done["splits"] == sorted(splits):
        if rejected is not None:
            raise DataError(
                f"{collection.path}: these translations exist already, without the rejected ones; "
                "leave --rejected out, or use another --seed"
            )
        # A killed job may have finished all but this.
        settle(collection.path, META)
        journal.unlink(missing_ok=True)
        return Summary(**{name: done[name] for name in Summary.__dataclass_fields__})
    texts = _different_texts(collection, splits)
    identity = {"origin": origin, "splits": sorted(splits), "batch_size": job.batch_size}
    identity |= {name: collection.meta["tables"][name]["digest"] for name in ("studies", "sentences")}
    _run(job, texts, journal, identity, workers, progress)
    outcomes = _Outcomes(texts, journal)
    if rejected is not None:
        _write_rejected(outcomes, rejected)
    summary = _write(collection, origin, sorted(splits), outcomes, stated)
    journal.unlink()
    return summary


def origin_of(job: BackTranslation) -> str:
    """The origin of a row of the table, with everything that determines its text."""
    there, back = _translators(job)
    names = "+".join(f"{one.name}@{one.fingerprint[:16]}" for one in (there, back))
    drawn = "temperature={},{} beams={} seed={}".format(*job.temperatures, job.beams, job.seed)
    return f"back-translation {names} {drawn}"


@lru_cache(maxsize=1)
def _loaded(there: str, back: str, into: str | None) -> tuple[Translator, Translator]:
    return Translator.load(there, into), Translator.load(back)


def _translators(job: BackTranslation) -> tuple[Translator, Translator]:
    return _loaded(job.there, job.back, job.into)


def translated(job: BackTranslation, texts: Sequence[str]) -> list[str | None]:
    """The back-translation of each text; `None` if one of its translations is too long."""
    there, back = _translators(job)
    outward, homeward = job.temperatures
    abroad = there.translate(texts, temperature=outward, beams=job.beams, seed=job.seed)
    places = [place for place, text in enumerate(abroad) if text]
    travelled = [abroad[place] or "" for place in places]
    home = back.translate(travelled, temperature=homeward, beams=job.beams, seed=job.seed)
    translations: list[str | None] = [None] * len(texts)
    for place, text in zip(places, home, strict=True):
        translations[place] = text or None
    return translations


def answer(chunk: _Chunk) -> list[Outcome]:
    """The outcome of each text; texts that cannot be checked are not translated."""
    outcomes = [Outcome(None, UNREAD)] * len(chunk.texts)
    places = [place for place, text in enumerate(chunk.texts) if can_be_checked(text)]
    for start in range(0, len(places), chunk.job.batch_size):
        batch = places[start : start + chunk.job.batch_size]
        for place, translation in zip(
            batch, translated(chunk.job, [chunk.texts[p] for p in batch]), strict=True
        ):
            why = UNFINISHED if translation is None else why_unfaithful(chunk.texts[place], translation)
            outcomes[place] = Outcome(translation, why or KEPT)
    return outcomes


def _different_texts(collection: Collection, splits: Sequence[str]) -> pa.Array:
    """The distinct sentences of the studies of `splits`, longest first: lack of memory shows early."""
    distinct = pa.array([], pa.string())
    for table in _sentences(collection, splits):
        distinct = pc.unique(pa.chunked_array([distinct, table["text"].combine_chunks()]))
    table = pa.table({"text": distinct, "length": pc.utf8_length(distinct)})
    return table.sort_by([("length", "descending"), ("text", "ascending")])["text"].combine_chunks()


def _sentences(collection: Collection, splits: Sequence[str]) -> Iterator[pa.Table]:
    studies = collection.table("studies")
    wanted = studies.filter(pc.is_in(studies["split"], pa.array(list(splits))))["study_id"].combine_chunks()
    sections = pa.array(READ_SECTIONS)
    for batch in collection.batches("sentences"):
        table = pa.Table.from_batches([batch])
        is_read = pc.is_in(table["section"], sections)
        yield table.filter(pc.and_(is_read, pc.is_in(table["study_id"], wanted)))


def _run(
    job: BackTranslation,
    texts: pa.Array,
    journal: Path,
    identity: dict[str, Any],
    workers: WorkersLike,
    progress: Progress,
) -> None:
    """Append the outcomes of all texts to the journal, one line per chunk."""
    size = job.batch_size * BATCHES_PER_CHUNK
    finished = _begin(journal, identity)
    starts = range(finished * size, len(texts), size)
    chunks = (_Chunk(job, texts.slice(start, size).to_pylist()) for start in starts)
    if finished:
        progress.log(f"continuing after {starts.start} of {len(texts)} distinct sentences")

    def each() -> Iterator[Outcome]:
        with journal.open("a", encoding="utf-8") as stream:
            for outcomes in in_workers(answer, chunks, workers):
                stream.write(json.dumps(outcomes, ensure_ascii=False) + "\n")
                stream.flush()
                flush(journal)
                yield from outcomes

    for _ in progress.track(each(), len(texts) - min(starts.start, len(texts)), "translating sentences"):
        pass


def _begin(journal: Path, identity: dict[str, Any]) -> int:
    """The number of complete lines in the journal of this job; without one, a new journal is started."""
    lines = journal.read_bytes().splitlines(keepends=True) if journal.is_file() else []
    whole = [line for line in lines if line.endswith(b"\n")]
    first = json.dumps(identity, ensure_ascii=False).encode() + b"\n"
    if whole[:1] != [first]:
        whole = [first]
    if whole != lines:
        with replacing(journal) as temporary:
            temporary.write_bytes(b"".join(whole))
    return len(whole) - 1


class _Outcomes:
    """The texts and outcomes of a finished journal, as Arrow arrays."""

    def __init__(self, texts: pa.Array, journal: Path) -> None:
        with journal.open(encoding="utf-8") as stream:
            next(stream)
            pairs = [pa.array(json.loads(line), pa.list_(pa.string(), 2)) for line in stream]
        flat = pa.concat_arrays([pa.array([], pa.string()), *(pair.flatten() for pair in pairs)])
        self.texts = texts
        self.translations = flat.take(pa.array(np.arange(0, len(flat), 2)))
        self.verdict = flat.take(pa.array(np.arange(1, len(flat), 2)))

    def kept(self) -> pa.Array:
        """The paraphrases of the texts; null for texts without one."""
        return pc.if_else(pc.equal(self.verdict, KEPT), self.translations, pa.scalar(None, pa.string()))

    def reasons(self) -> dict[str, int]:
        """The number of texts without a paraphrase by reason, the most frequent first."""
        counts = Counter(self.verdict.to_pylist())
        counts.pop(KEPT, None)
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _write_rejected(outcomes: _Outcomes, path: Path) -> None:
    """Write a JSON object per line: the text, its translation, and the reason for rejecting it."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        for text, translation, verdict in zip(
            outcomes.texts, outcomes.translations, outcomes.verdict, strict=True
        ):
            if translation.is_valid and verdict.as_py() != KEPT:
                line = {"text": text.as_py(), "translation": translation.as_py(), "reason": verdict.as_py()}
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")


def _write(
    collection: Collection, origin: str, splits: list[str], outcomes: _Outcomes, stated: dict[str, Any]
) -> Summary:
    """Write the table, with its settings and fingerprint in `collection.json`."""
    kept = outcomes.kept()
    sentences = [0]

    def new() -> Iterator[pa.Table]:
        for table in _sentences(collection, splits):
            rows = _rows(table, outcomes.texts, kept, origin)
            sentences[0] += len(rows)
            yield rows

    others: Iterable[pa.Table] = other_rows(collection, TABLE, origin) if collection.has_table(TABLE) else ()
    number = len(kept) - kept.null_count

    def summary() -> Summary:
        return Summary(len(outcomes.texts), number, sentences[0], outcomes.reasons())

    def described() -> dict[str, Any]:
        return {"origins": {**stated, origin: {"splits": splits, **asdict(summary())}}}

    rewrite(collection, TABLE, chain(others, new()), described)
    return summary()


def _rows(sentences: pa.Table, texts: pa.Array, kept: pa.Array, origin: str) -> pa.Table:
    paraphrases = kept.take(pc.index_in(sentences["text"].combine_chunks(), value_set=texts))
    table = pa.table(
        {
            "study_id": sentences["study_id"].combine_chunks(),
            "sentence_id": sentences["sentence_id"].combine_chunks(),
            "text": paraphrases,
            "origin": pa.repeat(pa.scalar(origin), len(paraphrases)),
        }
    )
    return table.filter(table["text"].is_valid()).cast(TEXT_VARIANTS)
