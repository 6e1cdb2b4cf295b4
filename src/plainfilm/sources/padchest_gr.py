"""PadChest-GR: films of PadChest with reports of single sentences and boxes of what they say, from BIMCV.

    RAW/grounded_reports_20240819.json      a study each: StudyID, ImageID, findings
    RAW/master_table.csv                    StudyID, PatientID, split, PatientSex_DICOM, PatientAge, ...
    RAW/Padchest_GR_files/*.png             4,555 frontal films, 16-bit PNG, in any folder or in a zip

A finding has `sentence_en`, `sentence_es` and `abnormal`; where that is true, also `labels` of PadChest,
`locations`, `progression`, and boxes of a first reader (`boxes`) and of a second one (`extra_boxes`) as
[x0, y0, x1, y1] in fractions of the film. Films come as parts of one zip (PadChest_GR.zip.001, ...) that must
be joined. "PadChest-GR: A bilingual chest X-ray dataset for grounded radiology report generation", NEJM AI
2025 (arXiv:2411.05085).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from plainfilm.errors import DataError, SourceError
from plainfilm.io.tables import read_json
from plainfilm.sources.base import SourceConfig, age_of, sex_of, shown, split_of
from plainfilm.sources.common.boxes import fitted, size_of_picture
from plainfilm.sources.common.padchest_labels import LICENCE, padchest_labels
from plainfilm.sources.common.raw_files import files_called
from plainfilm.sources.common.rows import Row, read_each
from plainfilm.sources.common.unique_file_index import UniqueFileIndex
from plainfilm.text.structured import report_of
from plainfilm.types import Box, Image, Rejection, Study

CORPUS = "padchest"
ORIGIN = "padchest_gr"
_TABLE, _REPORTS = "master_table.csv", "grounded_reports_"
_REQUIRED = ("StudyID", "PatientID", "split")
_READERS = {"boxes": "first", "extra_boxes": "second"}
_WHOLE = (1, 1)
"""(width, height) of a film in the units of its boxes, until its pixels are known."""


class Config(SourceConfig):
    """language: whose sentences are the report and the phrases of boxes, "en" or "es"; Plainfilm's labeller
    does not read Spanish.
    """

    language: Literal["en", "es"] = "en"


@dataclass
class _Corpus:
    """What there is: the file of reports, films by name, and the row of each study."""

    reports: Path
    films: UniqueFileIndex
    rows: dict[str, Row]
    raw: Path
    config: Config


@dataclass(frozen=True)
class _Finding:
    """A sentence, whether it states something abnormal, its labels, and boxes by reader in fractions."""

    sentence: str
    abnormal: bool
    labels: tuple[str, ...]
    boxes: tuple[tuple[str, tuple[float, float, float, float]], ...]


def read(raw: Path, config: Config) -> Iterator[Study | Rejection]:
    """The studies in the order of the file of reports. Boxes are in fractions until `complete`.

    Raises:
        SourceError: no such folder, no file of reports or no table in it, or films still in parts of a zip.
        DataError: the file is no list of studies, or the table lacks a column.
    """
    corpus, table = _look(raw, config)
    yield from corpus.films.rejections
    yield from read_each(table, _REQUIRED, lambda row: _keep_row(row, corpus))
    entries = read_json(corpus.reports)
    if not isinstance(entries, list):
        raise DataError(f"{corpus.reports}: expected a list of studies; fetch the file again")
    used: set[str] = set()
    for number, entry in enumerate(entries, start=1):
        place = f"{corpus.reports.name} study {number}"
        name = str(entry.get("ImageID") or "") if isinstance(entry, dict) else ""
        if not name or not entry.get("StudyID") or name in used:
            fault = "is listed for the second time" if name in used else "has no StudyID or ImageID"
            yield Rejection(place, f"film '{shown(name)}' {fault}")
            continue
        used.add(name)
        yield from _study(entry, place, corpus)
    for _, path in corpus.films.beside(used):
        yield Rejection(str(path), f"on disk but not in {corpus.reports.name}")


def _look(raw: Path, config: Config) -> tuple[_Corpus, Path]:
    """Everything below `raw` that is of this corpus, and its table."""
    films, reports, tables, parts = UniqueFileIndex(), list[Path](), list[Path](), list[Path]()
    for path in files_called(raw, _is_wanted):
        if path.name.lower().endswith(".png"):
            films.add(path.name, path)
        else:
            kind = reports if path.suffix == ".json" else tables if path.suffix == ".csv" else parts
            kind.append(path)
    if parts and not len(films) and not config.tables_only:
        stem = parts[0].with_suffix("")
        raise SourceError(f"{parts[0]}: films in parts of a zip; join them (cat {stem}.* > {stem})")
    for found, name in ((reports, f"{_REPORTS}*.json"), (tables, _TABLE)):
        if len(found) != 1:
            fault = "has several" if found else "has no"
            raise SourceError(f"{raw}: {fault} {name} in it or below; give the folder of the download")
    return _Corpus(reports[0], films, {}, raw, config), tables[0]


def _is_wanted(name: str) -> bool:
    is_report = name.startswith(_REPORTS) and name.endswith(".json")
    is_part = name.lower().startswith("padchest_gr.zip.")
    return is_report or is_part or name == _TABLE or name.lower().endswith(".png")


def _keep_row(row: Row, corpus: _Corpus) -> Iterator[Rejection]:
    """Keep the first row of a study; all of its rows, one for each label, have the same patient and split."""
    first = corpus.rows.setdefault(row["StudyID"], row)
    if any(first[header] != row[header] for header in _REQUIRED):
        reason = f"patient or split differ from {first.place}, which is taken"
        yield Rejection(row.place, reason, row["StudyID"])


def _study(entry: Mapping[str, Any], place: str, corpus: _Corpus) -> Iterator[Study | Rejection]:
    study, name = str(entry["StudyID"]), str(entry["ImageID"])
    row = corpus.rows.get(study)
    if row is None or not row["PatientID"]:
        yield Rejection(place, f"study {study} has no patient in {_TABLE}", study)
        return
    path = corpus.raw / "Padchest_GR_files" / name if corpus.config.tables_only else corpus.films.get(name)
    if path is None:
        yield Rejection(name, f"listed in {corpus.reports.name} but not on disk", study)
        return
    findings: list[_Finding] = []
    for number, item in enumerate(_listed(entry.get("findings")), start=1):
        yield from _read_finding(item, f"{place} finding {number}", study, findings, corpus.config)
    split = split_of(row["split"])
    if split is None:
        yield Rejection(row.place, f"split '{row['split']}' is none; the study is kept without it", study)
    boxes = tuple(box for finding in findings for box in _boxes(finding))
    yield Study(
        study,
        row["PatientID"],
        (Image(name.rpartition(".")[0], path, boxes=boxes, licence=LICENCE),),
        report_of([("findings", " ".join(one.sentence for one in findings))]) if findings else None,
        tuple(padchest_labels().stated(_said(findings), ORIGIN)),
        split=split,
        age=age_of(row["PatientAge"]),
        sex=sex_of(row["PatientSex_DICOM"]),
    )


def _listed(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()


def _read_finding(
    item: Any, place: str, study: str, findings: list[_Finding], config: Config
) -> Iterator[Rejection]:
    if not isinstance(item, dict) or not isinstance(item.get("abnormal"), bool):
        yield Rejection(place, "has no sentence or does not say whether it is abnormal", study)
        return
    sentence = " ".join(str(item.get(f"sentence_{config.language}") or "").split())
    if not sentence:
        yield Rejection(place, f"has no sentence_{config.language}", study)
        return
    boxes = []
    for key, reader in _READERS.items():
        for corners in _listed(item.get(key)):
            if _is_box(corners):
                boxes.append((reader, tuple(map(float, corners))))
            else:
                yield Rejection(place, f"{key} has {shown(str(corners))}: not x0 < x1 and y0 < y1", study)
    labels = tuple(str(label) for label in _listed(item.get("labels")))
    findings.append(_Finding(sentence, item["abnormal"], labels, tuple(boxes)))


def _is_box(corners: Any) -> bool:
    """Whether this is a box in fractions; it may stick out a little, which is cut off later."""
    if not isinstance(corners, list) or len(corners) != 4:
        return False
    if not all(isinstance(corner, int | float) and not isinstance(corner, bool) for corner in corners):
        return False
    x0, y0, x1, y1 = corners
    return -0.5 < x0 < x1 < 1.5 and -0.5 < y0 < y1 < 1.5


def _said(findings: Sequence[_Finding]) -> list[str]:
    """The published labels of a report; one without anything abnormal is normal."""
    labels = [label for finding in findings if finding.abnormal for label in finding.labels]
    return labels or (["normal"] if findings and not any(one.abnormal for one in findings) else [])


def _boxes(finding: _Finding) -> Iterator[Box]:
    """For each box one of the phrase, and one of every observation that the sentence has a label of."""
    names = [padchest_labels().name_of(label.strip()) for label in finding.labels]
    for reader, (x0, y0, x1, y1) in finding.boxes:
        title = "; ".join(names) or finding.sentence
        yield Box(title, "phrase", x0, y0, x1, y1, annotator=reader, phrase=finding.sentence)
        for name in dict.fromkeys(names):
            yield Box(name, "observation", x0, y0, x1, y1, annotator=reader)


def complete(study: Study, config: Config) -> Iterator[Study | Rejection]:
    """The study with boxes in pixels of its film.

    Where the film cannot be read, they are left out: fractions of an unknown size are no place.
    """
    images = []
    for image in study.images:
        size = None if config.tables_only else size_of_picture(image.path)
        if size is None and image.boxes:
            reason = "its boxes are fractions of a film that is not read; the study is kept without them"
            yield Rejection(image.path.name, reason, study.study_id)
        images.append(fitted(image, _WHOLE, size) if size else replace(image, boxes=()))
    yield replace(study, images=tuple(images))
