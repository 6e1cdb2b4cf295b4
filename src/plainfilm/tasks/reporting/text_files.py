"""Files of reports: CSV, JSON Lines and ReXrank's JSON, read as references or as candidates.

ReXrank's file is one object: by study id the films (`key_image_path`, `image_path`, `frontal_lateral`), the
`context`, the reference (`report`, `section_findings`, `section_impression`) and, once a system has run,
`model_prediction`. A list of such objects with an id is read as well.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from plainfilm.errors import DataError, nearest
from plainfilm.io import limits
from plainfilm.io.csv_files import folded_header, open_text
from plainfilm.io.manifest import Manifest
from plainfilm.io.tables import read_json, read_parquet
from plainfilm.sources.common.rows import read_rows
from plainfilm.types import Rejection

Side = Literal["reference", "candidate"]

REXRANK_FILE = "rexrank.json"
"""The name of ReXrank's file among results."""
IDS = ("study_id", "query_id", "id", "image_id", "dicom_id", "uid")
"""Names of the column or key of ids; the first that is there is taken."""
PATIENTS = ("patient_id", "subject_id")
TEXTS: Mapping[Side, tuple[str, ...]] = {
    "reference": ("reference", "report", "ground_truth", "text"),
    "candidate": ("candidate", "model_prediction", "prediction", "generated", "hypothesis", "report", "text"),
}
"""Names of the column or key of texts, by side."""
SECTIONS = {"Findings": ("section_findings", "findings"), "Impression": ("section_impression", "impression")}
BASELINE_COLUMN = "baseline_"
"""How columns of baselines begin in the predictions of results."""
AS_GIVEN = "as given"
"""The text rule of references that a file does not state."""


@dataclass(frozen=True)
class Reports:
    """Texts by id, and the patients of those whose patient is stated. sections: what the texts are.
    baselines: by name, the texts of a baseline for the same ids."""

    texts: Mapping[str, str]
    patients: Mapping[str, str]
    sections: str = AS_GIVEN
    baselines: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Columns:
    """The columns or keys to read; `None` finds them by their usual names."""

    ids: str | None = None
    text: str | None = None


def read_reports(path: Path, side: Side, columns: Columns | None = None) -> Reports:
    """The texts of a file (.csv or another table, .jsonl, .json), or of results of `report_generation`.

    A reference of which only the sections are given is "Findings: ... Impression: ...", as ReXrank scores it.

    Raises:
        DataError: no such file, no column of ids or texts, an id that is missing or occurs twice, or a value
            that is no text; the message names row and column.
    """
    if path.is_dir():
        return _of_results(path, side)
    chosen = columns or Columns()
    texts: dict[str, str] = {}
    patients: dict[str, str] = {}
    for place, entry in _entries(path):
        study = _text_of(place, entry, _key(place, entry, chosen.ids, IDS, "ids"))
        if not study:
            raise DataError(f"{place}: has no id; every report needs one")
        if study in texts:
            raise DataError(f"{place}: id '{study}' occurs twice; every report needs its own")
        texts[study] = _of_bearable_length(place, _report(place, entry, side, chosen.text))
        patient = next((key for key in PATIENTS if _is_there(entry, key)), None)
        if patient is not None:
            patients[study] = str(entry[patient])
    if not texts:
        raise DataError(f"{path}: holds no reports")
    return Reports(texts, patients)


def _entries(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every entry of a file with its place for a message."""
    kind = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    if kind in ("jsonl", "ndjson"):
        yield from _lines(path)
    elif kind == "json":
        yield from _document(path)
    else:
        for row in read_rows(path):
            if isinstance(row, Rejection):
                raise DataError(f"{path}: {row.path}: {row.reason}")
            yield f"{path} row {row.number}", {name: row[name] for name in row.cells}


def _lines(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with open_text(path) as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield _checked(f"{path} line {number}", _parsed(path, number, line))


def _parsed(path: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        raise DataError(f"{path} line {number}: is no JSON object; JSON Lines has one a line") from None


def _document(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    document = read_json(path)
    if isinstance(document, list):
        for number, entry in enumerate(document, start=1):
            yield _checked(f"{path} entry {number}", entry)
    elif isinstance(document, Mapping):
        for study, entry in document.items():
            place, known = _checked(f"{path} '{study}'", entry)
            yield place, {**known, IDS[0]: study}
    else:
        raise DataError(f"{path}: expected an object of reports by study id, or a list of them")


def _checked(place: str, entry: Any) -> tuple[str, Mapping[str, Any]]:
    if not isinstance(entry, Mapping):
        raise DataError(f"{place}: expected an object with the keys of a report, found {str(entry)[:40]!r}")
    return place, entry


def _is_there(entry: Mapping[str, Any], key: str) -> bool:
    # JSON of pandas writes NaN for a missing text.
    value = entry.get(key)
    return value is not None and value == value and value != ""


def _find(entry: Mapping[str, Any], name: str) -> str | None:
    """The key called `name`, in any case and with any signs."""
    if name in entry:
        return name
    return next((key for key in entry if folded_header(key) == folded_header(name)), None)


def _key(place: str, entry: Mapping[str, Any], wanted: str | None, usual: Sequence[str], what: str) -> str:
    found = [_find(entry, name) for name in ([wanted] if wanted else usual)]
    key = next((one for one in found if one is not None), None)
    if key is not None:
        return key
    if wanted:
        raise DataError(f"{place}: no column '{wanted}': {nearest(wanted, list(entry))}")
    option = "--id-column" if what == "ids" else "--text-column"
    raise DataError(
        f"{place}: no column of {what} (one of {', '.join(usual)}); it has {', '.join(entry)}; name it with "
        f"{option}"
    )


def _text_of(place: str, entry: Mapping[str, Any], key: str) -> str:
    value = entry[key]
    if not _is_there(entry, key):
        return ""
    if isinstance(value, str | int):
        text = str(value).strip()
        if any("\ud800" <= letter <= "\udfff" for letter in text):  # JSON can write such
            raise DataError(f"{place}: '{key}' holds half a letter (a lone surrogate); export the file again")
        return text
    raise DataError(f"{place}: '{key}' is {str(value)[:40]!r}, not a text")


def _of_bearable_length(place: str, text: str) -> str:
    # METEOR and ROUGE-L take as long as the product of the words of both texts.
    if len(text) > limits.LONGEST_SCORED:
        raise DataError(
            f"{place}: a report of {len(text):,} characters; at most {limits.LONGEST_SCORED:,} are scored: "
            "leave it out of both files, or cut it"
        )
    return text


def _report(place: str, entry: Mapping[str, Any], side: Side, wanted: str | None) -> str:
    usual = TEXTS[side]
    stated = any(_find(entry, name) is not None for name in usual)
    if wanted is not None or stated:
        text = _text_of(place, entry, _key(place, entry, wanted, usual, "texts"))
        if text or wanted is not None or side == "candidate":
            return text
    parts = {title: _section(place, entry, names) for title, names in SECTIONS.items()}
    if not any(text is not None for text in parts.values()) and not stated:
        _key(place, entry, wanted, (*usual, *SECTIONS["Findings"]), "texts")
    return " ".join(f"{title}: {text}" for title, text in parts.items() if text)


def _section(place: str, entry: Mapping[str, Any], names: Sequence[str]) -> str | None:
    key = next((found for name in names if (found := _find(entry, name)) is not None), None)
    return None if key is None else _text_of(place, entry, key)


def _of_results(folder: Path, side: Side) -> Reports:
    """The texts of earlier results."""
    stored = Manifest.read(folder / "results.json", "evaluate again")
    document = stored.values
    if document.get("task") != "report_generation":
        raise DataError(f"{folder}: holds no results of report_generation; name a file of reports")
    with stored.open("predictions.parquet") as source:
        frame = read_parquet(folder / "predictions.parquet", source=source).to_pandas()
    for column in ("query_id", "patient_id", side):
        if column not in frame:
            raise DataError(f"{folder / 'predictions.parquet'}: column '{column}' is missing; evaluate again")
    protocol = document.get("protocol")
    ids = frame["query_id"].astype(str)
    return Reports(
        dict(zip(ids, frame[side], strict=True)),
        dict(zip(ids, frame["patient_id"].astype(str), strict=True)),
        str(protocol.get("sections", AS_GIVEN)) if isinstance(protocol, Mapping) else AS_GIVEN,
        {
            column.removeprefix(BASELINE_COLUMN): dict(zip(ids, frame[column], strict=True))
            for column in frame.columns
            if column.startswith(BASELINE_COLUMN)
        },
    )


@dataclass(frozen=True)
class RexrankStudy:
    """What ReXrank's file has of a study beside the candidate; images: paths, the key image first."""

    reference: str
    candidate: str
    findings: str | None = None
    impression: str | None = None
    context: str | None = None
    images: Sequence[str] = ()
    is_frontal: Sequence[bool] = ()
    patient: str | None = None
    split: str | None = None


def rexrank_json(studies: Mapping[str, RexrankStudy]) -> str:
    """The studies by id as ReXrank's JSON, with `model_prediction`."""
    return json.dumps(
        {study: _rexrank_entry(one) for study, one in studies.items()}, indent=2, ensure_ascii=False
    )


def _rexrank_entry(one: RexrankStudy) -> dict[str, Any]:
    frontal = [path for path, is_frontal in zip(one.images, one.is_frontal, strict=True) if is_frontal]
    known = {
        "key_image_path": next(iter([*frontal, *one.images]), None),
        "image_path": list(one.images) or None,
        "frontal_lateral": ["Frontal" if flag else "Lateral" for flag in one.is_frontal] or None,
        "context": one.context,
        "section_findings": one.findings,
        "section_impression": one.impression,
        "report": one.reference,
        "subject_id": one.patient,
        "split": one.split,
        "model_prediction": one.candidate,
    }
    return {key: value for key, value in known.items() if value is not None}
