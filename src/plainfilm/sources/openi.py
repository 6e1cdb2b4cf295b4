"""The Indiana University collection of Open-i (IU X-ray), as downloaded from the NLM or from Kaggle.

    RAW/.../ecgen-radiology/1.xml                   a report, its film ids, MeSH headings, licence
    RAW/.../CXR1_1_IM-0001-3001.png                 films (NLMCXR_png.tgz), in any folder
    RAW/.../1_IM-0001-3001.dcm                      or as DICOM (NLMCXR_dcm.tgz), or as Kaggle's .dcm.png
    RAW/indiana_projections.csv                     uid, filename, projection: Kaggle's table of views
    RAW/indiana_reports.csv                         Kaggle's form of the reports, read where there is no XML

A study is a report; patients are not stated, so each study stands for one. The XML does not say which film
is frontal: only Kaggle's table does. Demner-Fushman et al., "Preparing a collection of radiology examinations
for distribution and retrieval", JAMIA 23, 2016.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from plainfilm.errors import DataError, SourceError
from plainfilm.io import paths
from plainfilm.io.archives import is_compressed_tar
from plainfilm.sources.base import SourceConfig
from plainfilm.sources.common.raw_files import files_called
from plainfilm.sources.common.rows import Row, read_each, read_rows
from plainfilm.sources.common.unique_file_index import UniqueFileIndex
from plainfilm.text.structured import open_i_document, open_i_report, report_of, section_of
from plainfilm.types import Image, Label, Rejection, Report, State, Study, View

ORIGIN, AUTOMATIC = "openi/mesh", "openi/mesh-automatic"
"""Labels by the collection's two indexers, and those that its software found in the text."""

_FILMS = (".dcm", ".png", ".jpg")
_PROJECTIONS, _REPORTS = "indiana_projections.csv", "indiana_reports.csv"
_TEXTS = ("indication", "comparison", "findings", "impression")
_NORMAL, _NOT_INDEXED = "normal", "No Indexing"
_NAME = re.compile(r"(?:CXR)?(\d+)_(?:\d+_)?(IM-[\d-]+)")
_VIEWS = {"frontal": View.PA, "lateral": View.LATERAL}


class Config(SourceConfig):
    """assume_views: where no table states the views of a study of two films, the first is taken as frontal
    and the second as lateral, which is their usual order and not a fact.
    """

    assume_views: bool = False


@dataclass(frozen=True)
class _Entry:
    """What one report states; `films` are ids as published."""

    uid: str
    place: str
    report: Report
    films: tuple[str, ...]
    labels: tuple[Label, ...]
    licence: str | None = None


@dataclass
class _Download:
    """What there is: reports, films by key (see `_key`), the view of films by key."""

    raw: Path
    documents: list[Path] = field(default_factory=list)
    tables: dict[str, Path] = field(default_factory=dict)
    films: dict[str, UniqueFileIndex] = field(default_factory=dict)
    views: dict[str, View] = field(default_factory=dict)

    def films_of_most(self) -> UniqueFileIndex:
        """The films in the format that most of them are in."""
        return max(self.films.values(), key=len, default=UniqueFileIndex())


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies by their number.

    Raises:
        SourceError: no reports; what is still packed in a .tgz is named.
    """
    download = _look(raw)
    if _PROJECTIONS in download.tables:
        table = download.tables[_PROJECTIONS]
        yield from read_each(table, ["filename", "projection"], lambda row: _read_view(row, download.views))
    films = download.films_of_most()
    yield from _summary(raw, download, films)
    used: set[str] = set()
    for entry in _entries(download):
        if isinstance(entry, Rejection):
            yield entry
            continue
        used.update(_key(film) for film in entry.films)
        yield from _study(entry, download, config)
    if not config.tables_only:
        for _, path in films.beside(used):
            yield Rejection(str(path), "on disk but named by no report")


def _look(raw: Path) -> _Download:
    """Everything below `raw` that is of this corpus."""
    if is_compressed_tar(raw) and paths.is_file(raw):
        raise SourceError(f"{raw}: unpack it first (tar -xzf {raw.name}) and give the folder")
    found = _Download(raw)
    packed = []
    for path in files_called(raw, _is_wanted):
        suffix = path.suffix.lower()
        if is_compressed_tar(path):
            packed.append(path.name)
        elif suffix == ".xml":
            found.documents.append(path)
        elif suffix == ".csv":
            found.tables[path.name] = path
        else:
            found.films.setdefault(suffix, UniqueFileIndex()).add(_key(path.name), path)
    if not found.documents and _REPORTS not in found.tables:
        way_out = (
            f"unpack {', '.join(packed)} (tar -xzf)" if packed else "give the folder of NLMCXR_reports.tgz"
        )
        raise SourceError(f"{raw}: no reports (ecgen-radiology/*.xml or {_REPORTS}) below it; {way_out}")
    return found


def _is_wanted(name: str) -> bool:
    kept = name in (_PROJECTIONS, _REPORTS) or is_compressed_tar(Path(name))
    return kept or name.endswith(".xml") or (name.endswith(_FILMS) and _NAME.match(name) is not None)


def _key(name: str) -> str:
    """What a film's id, its file name and Kaggle's name of it have in common.

    >>> _key("CXR1_1_IM-0001-3001"), _key("1_IM-0001-3001.dcm.png")
    ('1_IM-0001-3001', '1_IM-0001-3001')
    """
    match = _NAME.match(name)
    return f"{match[1]}_{match[2]}" if match else name


def _read_view(row: Row, views: dict[str, View]) -> Iterator[Rejection]:
    projection = row["projection"]
    view = _VIEWS.get(projection.lower())
    if view is None and projection:
        reason = f"projection '{projection}' is neither Frontal nor Lateral; the view is unknown"
        yield Rejection(row.place, reason)
    views[_key(row["filename"])] = view or View.UNKNOWN


def _summary(raw: Path, download: _Download, films: UniqueFileIndex) -> Iterator[Rejection]:
    """Films that are there twice."""
    yield from films.rejections
    if len(download.films) > 1:
        counts = ", ".join(f"{len(shelf):,} as {suffix}" for suffix, shelf in sorted(download.films.items()))
        yield Rejection(str(raw), f"holds films in several formats ({counts}); only those of most are read")


def _entries(download: _Download) -> Iterator[_Entry | Rejection]:
    if not download.documents:
        yield from _rows(download.tables[_REPORTS], download.views, download.films_of_most())
        return
    for path in sorted(download.documents, key=lambda path: (len(path.stem), path.stem, str(path))):
        try:
            yield _document(path)
        except DataError as error:
            yield Rejection(str(path), str(error).removeprefix(f"{path}: "))


def _document(path: Path) -> _Entry:
    root = open_i_document(path)
    stated = root.find("uId")
    uid = stated.get("id", "") if stated is not None else ""
    headings = {
        origin: [(element.text or "").strip() for element in root.iter(tag)]
        for tag, origin in (("major", ORIGIN), ("automatic", AUTOMATIC))
    }
    return _Entry(
        uid=uid or f"CXR{path.stem}",
        place=str(path),
        report=open_i_report(root),
        films=tuple(dict.fromkeys(film.get("id", "") for film in root.iter("parentImage"))),
        labels=tuple(label for origin, found in headings.items() for label in _labels(found, origin)),
        licence=root.findtext("licenseURL"),
    )


def _rows(path: Path, views: Mapping[str, View], films: UniqueFileIndex) -> Iterator[_Entry | Rejection]:
    """Kaggle's table of reports; the films of a study are those of its number."""
    known = sorted({*views, *(name for name, _ in films.beside(()))})
    of_study: dict[str, list[str]] = {}
    for key in known:
        of_study.setdefault(key.partition("_")[0], []).append(f"CXR{key}")
    for row in read_rows(path, ["uid", *_TEXTS]):
        if isinstance(row, Rejection):
            yield row
            continue
        yield _Entry(
            uid=f"CXR{row['uid']}",
            place=row.place,
            report=report_of((section_of(name), row[name]) for name in _TEXTS),
            films=tuple(of_study.get(row["uid"], ())),
            labels=tuple(_labels([heading.strip() for heading in row["MeSH"].split(";")], ORIGIN)),
        )


def _labels(headings: Iterable[str], origin: str) -> Iterator[Label]:
    """A positive label per main heading; `rule` keeps the headings with their qualifiers, as published."""
    found: dict[str, list[str]] = {}
    for heading in headings:
        main = heading.partition("/")[0].strip()
        if main and main != _NOT_INDEXED:
            found.setdefault("No Finding" if main == _NORMAL else main, []).append(heading)
    for name, said in found.items():
        yield Label(name, State.POSITIVE, origin, rule="; ".join(dict.fromkeys(said)))


def _study(entry: _Entry, download: _Download, config: Config) -> Iterator[Study | Rejection]:
    films, images = download.films_of_most(), []
    for film in entry.films:
        path = films.get(_key(film))
        if path is None and not config.tables_only:
            yield Rejection(film, "named by the report but not on disk", entry.uid)
        else:
            view = download.views.get(_key(film), View.UNKNOWN)
            images.append(Image(film, path or download.raw / f"{film}.png", view, licence=entry.licence))
    if not entry.report.text:
        yield Rejection(entry.place, "the report is empty", entry.uid)
    yield Study(
        study_id=entry.uid,
        patient_id=entry.uid,
        images=_assumed(images) if config.assume_views and len(entry.films) == len(images) else tuple(images),
        report=entry.report if entry.report.text else None,
        labels=entry.labels,
    )


def _assumed(images: Sequence[Image]) -> tuple[Image, ...]:
    """A pair of films whose views nobody states as a frontal and a lateral one."""
    if len(images) != 2 or Counter(image.view for image in images)[View.UNKNOWN] != 2:
        return tuple(images)
    return replace(images[0], view=View.PA), replace(images[1], view=View.LATERAL)
