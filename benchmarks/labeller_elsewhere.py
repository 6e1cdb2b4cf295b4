"""The labeller against somebody else's labels: any CSV of labelled reports, one row a report.

    python benchmarks/labeller_elsewhere.py LABELS.csv --text-column report
    python benchmarks/labeller_elsewhere.py mimic-cxr-2.1.0-test-set-labeled.csv --id-column study_id \
        --reports mimic-cxr-reports --header-rules mimic_cxr --observation "Lung Opacity=Airspace Opacity"
    python benchmarks/labeller_elsewhere.py mimic_human_annotations.csv --id-column subjectid_studyid \
        --reports mimic-cxr-reports --where type_annotation=labels --absent=-2 \
        --observation "Support Devices=support device" --observation "Pleural Effusion=pleural effusion"

The second is the set of about 500 reports of MIMIC-CXR-JPG's test split that radiologists labelled, the
third the form of MAPLEZ's human annotations. Texts are in a column, or in files `ID.txt` or `sID.txt`
anywhere under `--reports`. A column with an observation's name is its label, in any case; `--observation
NAME=COLUMN` names another. Cells are numbers: 1 there, 0 not there, -1 uncertain, blank or `--absent` not
mentioned; words for them as well.

For each observation: how many reports state, deny and doubt it, and precision, recall and F1 of the
labeller's positive states (with an interval by resampling reports), its negative ones and its uncertain
ones.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from plainfilm.labelling import Labeller
from plainfilm.labelling.local_model import LocalModel, load_labeller
from plainfilm.labelling.reports import read_report
from plainfilm.labelling.table import read_sections
from plainfilm.text.sentences import sentence_spans
from plainfilm.types import State

_WORDS = {
    State.POSITIVE: {"1", "1.0", "positive", "present", "yes", "true"},
    State.NEGATIVE: {"0", "0.0", "negative", "absent", "no", "false"},
    State.UNCERTAIN: {"-1", "-1.0", "uncertain", "possible"},
}
_CODES = {word: state for state, words in _WORDS.items() for word in words}
_BLANK = {"", "nan", "none", "not mentioned", "unmentioned"}
_RESAMPLED = 1000


class Row(NamedTuple):
    """A report's text and the states that its label says, by observation."""

    text: str
    true: Mapping[str, State | None]


def read_rows(arguments: argparse.Namespace, observations: Sequence[str]) -> Iterator[Row]:
    """The rows of the labels that have a text."""
    named = dict(pair.split("=", 1) for pair in arguments.observation)
    wanted = dict(pair.split("=", 1) for pair in arguments.where)
    files = (
        {path.stem.lstrip("s"): path for path in arguments.reports.rglob("*.txt")}
        if arguments.reports
        else {}
    )
    with arguments.labels.open(encoding="utf-8-sig", newline="") as opened:
        reader = csv.DictReader(opened)
        by_name = {(name or "").strip().lower(): name for name in reader.fieldnames or ()}
        columns = {
            name: by_name[named.get(name, name).lower()]
            for name in observations
            if named.get(name, name).lower() in by_name
        }
        if not columns:
            raise SystemExit(
                f"{arguments.labels}: no column is an observation; name one: --observation NAME=COLUMN"
            )
        for row in reader:
            if any(row[column] != value for column, value in wanted.items()):
                continue
            text = _text_of(row, arguments, files)
            if text is not None:
                yield Row(text, {name: _state(row[column], arguments) for name, column in columns.items()})


def _text_of(row: Mapping[str, str], arguments: argparse.Namespace, files: Mapping[str, Path]) -> str | None:
    if arguments.text_column:
        return "\n\n".join(row[column] for column in arguments.text_column)
    identity = row[arguments.id_column].split("_")[-1].lstrip("s")
    path = files.get(identity.removesuffix(".0"))
    return None if path is None else path.read_text(encoding="utf-8", errors="replace")


def _state(cell: str, arguments: argparse.Namespace) -> State | None:
    word = cell.strip().lower()
    if word in _BLANK or word in arguments.absent:
        return None
    if word not in _CODES:
        raise SystemExit(
            f"{arguments.labels}: cell '{cell}' is no state; say what is absent with --absent {cell}"
        )
    return _CODES[word]


def label(text: str, labeller: Labeller, header_rules: str) -> Mapping[str, State]:
    """The states of a report."""
    sections = read_sections("report", text, header_rules)
    sentences = [words for section in sections for words, _, _ in sentence_spans(section.text)]
    return read_report(sentences, labeller).states


def f1_of(found: np.ndarray, true: np.ndarray) -> tuple[float, float, float]:
    """Precision, recall and F1; NaN where there is nothing to divide by."""
    hits, said, there = (found & true).sum(), found.sum(), true.sum()
    with np.errstate(invalid="ignore"):
        return (
            float(np.divide(hits, said)),
            float(np.divide(hits, there)),
            float(np.divide(2 * hits, said + there)),
        )


def interval(found: np.ndarray, true: np.ndarray) -> tuple[float, float]:
    """95 % of the F1 of reports drawn with replacement."""
    rng = np.random.default_rng(0)
    draws = rng.integers(len(found), size=(_RESAMPLED, len(found)))
    values = [f1_of(found[draw], true[draw])[2] for draw in draws]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    """Prints a line per observation and one for all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("labels", type=Path)
    parser.add_argument("--text-column", action="append")
    parser.add_argument("--id-column", default="study_id")
    parser.add_argument("--reports", type=Path)
    parser.add_argument("--header-rules", default="plain")
    parser.add_argument("--vocabulary", default="chexpert")
    parser.add_argument("--observation", action="append", default=[], metavar="NAME=COLUMN")
    parser.add_argument("--where", action="append", default=[], metavar="COLUMN=VALUE")
    parser.add_argument("--absent", action="append", default=[], help="a cell that says not mentioned")
    parser.add_argument("--model-address", help="score a model of your network instead of the rules")
    parser.add_argument("--model", default="", help="its name there")
    arguments = parser.parse_args()
    if not arguments.text_column and not arguments.reports:
        parser.error("give the texts: --text-column HEADER or --reports FOLDER")
    asked = LocalModel(arguments.model_address, arguments.model) if arguments.model_address else None
    labeller = load_labeller(arguments.vocabulary, model=asked)
    rows = list(read_rows(arguments, labeller.observations))
    if not rows:
        raise SystemExit(f"{arguments.labels}: no row has a text; are the reports those of these labels?")
    read = [label(row.text, labeller, arguments.header_rules) for row in rows]
    print(f"{len(rows)} reports, {labeller.origin}", file=sys.stderr)
    print(f"{'observation':28} {'+':>5} {'-':>5} {'?':>5}  precision recall F1 [95 %]   F1 of -  F1 of ?")
    everything: list[tuple[np.ndarray, np.ndarray]] = []
    for name in rows[0].true:
        pairs = {
            state: (
                np.array([one.get(name) == state for one in read]),
                np.array([row.true[name] == state for row in rows]),
            )
            for state in State
        }
        everything.append(pairs[State.POSITIVE])
        _print(name, pairs)
    found, true = (np.concatenate(side) for side in zip(*everything, strict=True))
    print(f"{'all, positive (micro)':28} {true.sum():5}{'':14}{_scores(*f1_of(found, true))}")


def _print(name: str, pairs: Mapping[State, tuple[np.ndarray, np.ndarray]]) -> None:
    counts = [int(pairs[state][1].sum()) for state in (State.POSITIVE, State.NEGATIVE, State.UNCERTAIN)]
    low, high = interval(*pairs[State.POSITIVE]) if counts[0] else (float("nan"), float("nan"))
    others = "  ".join(f"{f1_of(*pairs[state])[2]:7.3f}" for state in (State.NEGATIVE, State.UNCERTAIN))
    line = _scores(*f1_of(*pairs[State.POSITIVE]))
    print(f"{name:28} {counts[0]:5} {counts[1]:5} {counts[2]:5}  {line} [{low:.3f}, {high:.3f}]  {others}")


def _scores(precision: float, recall: float, f1: float) -> str:
    return f"    {precision:.3f}  {recall:.3f} {f1:.3f}"


if __name__ == "__main__":
    main()
