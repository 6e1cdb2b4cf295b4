"""Any tree of DICOM files, as a PACS exports it or a CD holds it; identifiers become pseudonyms.

Files are recognised by content, with any name, in zip and tar archives too. Only headers are read here:
PatientID, StudyInstanceUID and SOPInstanceUID group the films. Reports are taken from structured reports in
the tree and from a table or a folder of texts (option `reports`, or `reports.csv` in RAW).

With `deidentify` (the default) ids are keyed hashes, StudyDate becomes days since the patient's first study,
ages above 89 become 90, and no path, rejection or table holds what names a person. The key is that of the
option `key`, of the environment variable PLAINFILM_DEID_KEY, or of the file `OUT.deid-key` beside the
collection, which is made at first use. Nothing is ever written to RAW.
"""

from __future__ import annotations

import functools
import operator
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from pydantic import Field

from plainfilm.errors import DataError, SourceError
from plainfilm.io import paths
from plainfilm.io.archives import files_below, is_compressed_tar, open_binary
from plainfilm.io.deidentify import KEY_VARIABLE, OLDEST, Identifiers, Pseudonymiser, load_key, scrub
from plainfilm.io.object_storage import stored
from plainfilm.sources.base import SourceConfig
from plainfilm.sources.common.dicom_records import (
    Record,
    elements_of,
    identifiers_of,
    read_dataset,
    read_record,
)
from plainfilm.sources.common.person_ids import People
from plainfilm.sources.common.report_files import FoundReport, read_reports
from plainfilm.sources.common.structured_report import report_of_dataset
from plainfilm.text.structured import report_of
from plainfilm.types import Image, Rejection, Report, Study

_OURS = ".plainfilm-"
"""How the names of files begin that Plainfilm puts into a raw folder: the journal of a download."""
OLDER_KEY = f"{_OURS}deid-key"
"""Where earlier versions put the key, in RAW: it is read where it is there and no other is."""
KEY_ENDING = ".deid-key"
_KEY_OF_THIS_PROCESS = secrets.token_bytes(32)
_ARCHIVES = (".zip", ".tar")
_SUFFIXES = (
    ".dcm",
    ".dicom",
    ".dic",
    ".txt",
    ".csv",
    ".xml",
    ".pdf",
    ".jpg",
    ".png",
    ".zip",
    ".exe",
    ".html",
)
"""Endings that are shown; any other might be part of a name."""


class Config(SourceConfig):
    """deidentify: false keeps ids and paths, for data that are public. key: a file with the pseudonyms' key.

    reports: a CSV file, or a folder of texts named by accession number; report_key and report_text name
    columns of the CSV, header_rules says how a text is cut. any_modality: do not refuse here what is no
    radiograph by its header. burned_in: keep films whose header says that text is burned into the pixels.
    out: the collection that is made, which `prepare` says; without it and a key, pseudonyms are those of this
    process only.
    """

    deidentify: bool = True
    key: Path | None = None
    reports: Path | None = None
    report_key: str | None = None
    report_text: str | None = None
    header_rules: str = "plain"
    any_modality: bool = False
    burned_in: bool = False
    licence: str | None = None
    corpus: str | None = None
    out: Path | None = Field(default=None, repr=False)


def _key(raw: Path, config: Config) -> bytes:
    """The key of the pseudonyms, made where there is none.

    Raises:
        DataError: it cannot be read or written, or may be guessed.
    """
    older = raw / OLDER_KEY if paths.is_folder(raw) else raw.with_name(f".{raw.name}{OLDER_KEY}")
    if config.out is None:
        return load_key(config.key, older) if config.key or paths.is_file(older) else _environment_key()
    place = config.out.with_name(f"{config.out.name}{KEY_ENDING}")
    if paths.is_file(older) and not place.is_file():
        return load_key(config.key, older)
    if not (config.key or KEY_VARIABLE in os.environ or place.is_file()):
        if stored(place) is not None:
            raise DataError(f"{place}: a key for pseudonyms does not go to object storage; say --key FILE")
        _refuse_inside(raw, place)
        place.parent.mkdir(parents=True, exist_ok=True)
    return load_key(config.key, place)


def _environment_key() -> bytes:
    return load_key(None, Path(os.devnull)) if KEY_VARIABLE in os.environ else _KEY_OF_THIS_PROCESS


def _refuse_inside(raw: Path, place: Path) -> None:
    """Checks that a key does not come to lie among the data it can undo."""
    if paths.is_folder(raw) and paths.absolute(place).is_relative_to(paths.absolute(raw)):
        raise DataError(
            f"{place}: the key for pseudonyms would lie in the raw folder; say --key FILE, or choose an OUT "
            "outside of it"
        )


class _Names:
    """What files, patients, studies and images are called in the collection."""

    def __init__(self, raw: Path, config: Config) -> None:
        self._raw = raw
        self._pseudonyms: Pseudonymiser | None = None
        if config.deidentify:
            self._pseudonyms = Pseudonymiser(_key(raw, config))

    def of(self, kind: str, identifier: str) -> str:
        """The pseudonym of an identifier, or the identifier itself."""
        return self._pseudonyms.of(kind, identifier) if self._pseudonyms else identifier

    def path(self, path: Path) -> str:
        """How a path reads: relative to RAW, or as a pseudonym with its ending."""
        shown = path.relative_to(self._raw).as_posix() if path != self._raw else path.name
        if self._pseudonyms is None:
            return shown
        ending = path.suffix.lower()
        return self._pseudonyms.of("file", shown) + (ending if ending in _SUFFIXES else "")


@dataclass
class _Study:
    """The records of one study; `key` is its UID, or what stands in for it."""

    key: str
    patient: str
    films: list[Record] = field(default_factory=list)
    documents: list[Record] = field(default_factory=list)
    report: Report | None = None

    @property
    def taken(self) -> date | None:
        """The day of the study."""
        return min((record.taken for record in (*self.films, *self.documents) if record.taken), default=None)

    @property
    def identifiers(self) -> Identifiers:
        """What could name a person in the study's report."""
        found = (record.identifiers for record in (*self.films, *self.documents))
        return functools.reduce(operator.or_, found, Identifiers())


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies, by patient and time. Whatever is no film of the chest is a `Rejection`.

    Raises:
        SourceError: no such folder, file or archive, or a table of reports that cannot be read.
        DataError: no key, and none can be made.
    """
    if not paths.exists(raw):
        raise SourceError(f"{raw}: no such folder, file or archive of DICOM files")
    reports = config.reports or _usual_reports(raw)
    names, people = _Names(raw, config), People()
    studies: dict[str, _Study] = {}
    for item in _files(raw, [*filter(None, [reports, config.key])]):
        if isinstance(item, Rejection):
            yield Rejection(names.path(Path(item.path)), item.reason)
        else:
            record = read_record(item)
            record = replace(record, patient=people(record.patient))
            yield from _sort_in(record, studies, names, config)
    if reports:
        yield from _join_reports(reports, studies, names, config)
    yield from _in_order(studies, names, config)


def _usual_reports(raw: Path) -> Path | None:
    return next(
        (file for name in ("reports.csv", "reports.csv.gz") if paths.is_file(file := raw / name)), None
    )


def _files(raw: Path, known: Sequence[Path]) -> Iterator[Path | Rejection]:
    """Every file below `raw` but Plainfilm's own and those `known` to be something else.

    A damaged archive is a `Rejection`.
    """
    if paths.is_file(raw):
        yield from _members(raw)
        return
    others = {path.name: paths.resolved(path) for path in known}

    def is_ours_or_known(path: Path) -> bool:
        return path.name.startswith(_OURS) or paths.resolved(path) == others.get(path.name)

    for folder, folders, found in paths.walk(raw):
        folders[:] = [name for name in folders if not is_ours_or_known(folder / name)]
        for name in found:
            path = folder / name
            if not is_ours_or_known(path):
                yield from _members(path)


def _members(path: Path) -> Iterator[Path | Rejection]:
    if is_compressed_tar(path):
        yield Rejection(str(path), "a compressed tar archive has to be unpacked first")
    elif not path.name.lower().endswith(_ARCHIVES):
        yield path
    else:
        try:
            yield from list(files_below(path))
        except DataError:  # its message names the file
            yield Rejection(str(path), "the archive is damaged or cut short")


def _sort_in(
    record: Record, studies: dict[str, _Study], names: _Names, config: Config
) -> Iterator[Rejection]:
    reason = record.reason
    # Decoding looks at the header as well, and --force may overrule it there.
    if config.tables_only or not (record.is_radiograph or config.any_modality or record.is_report):
        reason = reason or record.doubt
    if record.is_burned_in and config.deidentify and not config.burned_in:
        reason = (
            "text is burned into its pixels by its header; look at it, then keep such films with burned_in"
        )
    if reason:
        yield Rejection(names.path(record.path), reason)
        return
    key = record.study or record.accession or f"{record.patient} {record.taken} {record.image or record.path}"
    study = studies.setdefault(key, _Study(key, record.patient))
    if record.patient != study.patient:
        yield Rejection(names.path(record.path), "its study has films of another PatientID")
    elif record.is_report:
        study.documents.append(record)
    elif record.image and any(film.image == record.image for film in study.films):
        yield Rejection(names.path(record.path), "the same image (SOP Instance UID) as another file")
    else:
        study.films.append(record)


def _join_reports(
    path: Path, studies: dict[str, _Study], names: _Names, config: Config
) -> Iterator[Rejection]:
    by_accession: dict[str, set[str]] = {}
    for study in studies.values():
        for record in (*study.films, *study.documents):
            by_accession.setdefault(record.accession, set()).add(study.key)
    met, unmet = 0, 0
    for item in read_reports(path, config.report_key, config.report_text, config.header_rules):
        if isinstance(item, Rejection):
            yield item
            continue
        keys = {item.key} & studies.keys() or by_accession.get(item.key, set())
        met, unmet = (met + 1, unmet) if keys else (met, unmet + 1)
        if len(keys) != 1:
            found = "no study has" if not keys else f"{len(keys)} studies have"
            yield Rejection(item.place, f"{found} this number ({names.of('accession', item.key)})")
        else:
            yield from _attach(item, studies[keys.pop()], config)
    if config.reports and unmet and not met:
        raise SourceError(
            f"{path}: option reports fits none of {len(studies)} studies: its {unmet} reports have other "
            "accession numbers and study UIDs; name the column with report_key"
        )


def _attach(found: FoundReport, study: _Study, config: Config) -> Iterator[Rejection]:
    if study.report is not None:
        yield Rejection(found.place, "a second report of one study; the first is taken")
    else:
        study.report = _clean(found.report, study.identifiers, config)


def _clean(report: Report, identifiers: Identifiers, config: Config) -> Report:
    if not config.deidentify:
        return report
    if report.sections is None:
        return replace(report, text=scrub(report.text, identifiers))
    parts = [(part.name, scrub(part.text, identifiers)) for part in report.sections]
    return report_of(parts, report.header_rules)


def _in_order(studies: dict[str, _Study], names: _Names, config: Config) -> Iterator[Study | Rejection]:
    first: dict[str, date] = {}
    for study in studies.values():
        if study.patient and study.taken:
            first[study.patient] = min(study.taken, first.get(study.patient, study.taken))
    made = [_study(study, first.get(study.patient), names, config) for study in studies.values()]
    yield from sorted(made, key=lambda study: (study.patient_id, study.order or 0.0, study.study_id))


def _study(study: _Study, first: date | None, names: _Names, config: Config) -> Study:
    study_id = names.of("study", study.key)
    records = (*study.films, *study.documents)
    age = next((record.age for record in records if record.age is not None), None)
    if age is not None and config.deidentify and age > OLDEST:
        age = OLDEST + 1.0
    return Study(
        study_id=study_id,
        patient_id=names.of("patient", study.patient) if study.patient else study_id,
        images=tuple(_image(record, names, config) for record in study.films),
        report=study.report,
        order=float((study.taken - first).days) if study.taken and first else None,
        age=age,
        sex=next((record.sex for record in records if record.sex), None),
        files=() if study.report else tuple(record.path for record in study.documents),
    )


def _image(record: Record, names: _Names, config: Config) -> Image:
    return Image(
        names.of("image", record.image or record.path.as_posix()),
        record.path,
        record.view,
        licence=config.licence,
        width=record.width,
        height=record.height,
        spacing_mm=record.spacing_mm,
        shown=names.path(record.path),
    )


def complete(study: Study, config: Config) -> Iterator[Study | Rejection]:
    """The study with the text of its structured report, where no other report was found."""
    for file in study.files:
        try:
            with open_binary(file) as stream:
                dataset = read_dataset(stream, None)
                report = report_of_dataset(dataset)
                words = identifiers_of(elements_of(dataset))
        except (OSError, ValueError, KeyError, AttributeError, TypeError, EOFError, DataError):
            yield Rejection(study.study_id, "its structured report is damaged", study.study_id)
            continue
        if report is None:
            yield Rejection(study.study_id, "its structured report has no text", study.study_id)
        elif study.report is None:
            study = replace(study, report=_clean(report, words, config))
        else:
            yield Rejection(study.study_id, "a second structured report; the first is taken", study.study_id)
    yield study
