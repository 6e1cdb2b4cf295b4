"""A CSV file of reports in, the same file with a column per observation out."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from plainfilm.cli import main
from plainfilm.errors import ConfigError, DataError, UsageError
from plainfilm.labelling import CHEXPERT_OBSERVATIONS
from plainfilm.labelling.table import STATUS, label_csv

ROWS = [
    {"id": "a", "report": "FINDINGS: Small left effusion.\nINDICATION: pneumonia?"},
    {"id": "b", "report": 'Said "no pneumothorax, no\nedema".'},
    {"id": "c", "report": ""},
    {"id": "d", "report": "Pas de pneumothorax."},
    {"id": "e", "report": "Two views of the knee."},
]

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(rows: list[dict[str, str]] = ROWS, name: str = "reports.csv") -> Path:
        with (tmp_path / name).open("w", newline="", encoding="utf-8") as opened:
            writer = csv.DictWriter(opened, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        return tmp_path / name

    return written


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def test_columns_are_kept_and_states_added(write: Write, tmp_path: Path) -> None:
    done = label_csv(write(), tmp_path / "out.csv", ["report"])
    rows = read(tmp_path / "out.csv")
    assert list(rows[0]) == ["id", "report", STATUS, *CHEXPERT_OBSERVATIONS]
    assert [(row["id"], row["report"]) for row in rows] == [(row["id"], row["report"]) for row in ROWS]
    assert (rows[0]["Pleural Effusion"], rows[0]["Pneumonia"], rows[1]["Edema"]) == ("1", "", "0")
    assert done.rows == 5


def test_what_cannot_be_read_is_unknown_and_says_so(write: Write, tmp_path: Path) -> None:
    label_csv(write(), tmp_path / "out.csv", ["report"])
    rows = read(tmp_path / "out.csv")
    expected = ["labelled", "labelled", "empty", "not readable", "nothing recognised"]
    assert [row[STATUS] for row in rows] == expected
    assert all(row[name] == "" for row in rows[2:] for name in CHEXPERT_OBSERVATIONS)


def test_codes_of_chexbert(write: Write, tmp_path: Path) -> None:
    label_csv(write(), tmp_path / "out.csv", ["report"], codes="chexbert")
    rows = read(tmp_path / "out.csv")
    assert (rows[0]["Pleural Effusion"], rows[1]["Pneumothorax"], rows[2]["Edema"]) == ("1", "2", "0")


def test_columns_named_as_sections_are_those(write: Write, tmp_path: Path) -> None:
    rows = [{"findings": "Edema.", "impression": "No effusion.", "indication": "Pneumothorax."}]
    columns = ["findings", "impression", "indication"]
    label_csv(write(rows), tmp_path / "out.csv", columns, vocabulary="nih14")
    (row,) = read(tmp_path / "out.csv")
    assert (row["Edema"], row["Effusion"], row["Pneumothorax"]) == ("1", "0", "")


def test_headers_of_the_corpus(write: Write, tmp_path: Path) -> None:
    rows = [{"report": "CLINICAL HISTORY: Edema.\nNARRATIVE:\nNo effusion.\nSUMMARY:4-POSSIBLE\n"}]
    label_csv(write(rows), tmp_path / "out.csv", ["report"], header_rules="chexpert")
    (row,) = read(tmp_path / "out.csv")
    assert (row["Edema"], row["Pleural Effusion"]) == ("", "0")
    with pytest.raises(ConfigError, match="unknown header rules 'chexprt': did you mean 'chexpert'"):
        label_csv(write(rows), tmp_path / "out.csv", ["report"], header_rules="chexprt")


def test_processes_change_nothing(write: Write, tmp_path: Path) -> None:
    many = write([{"id": str(number), "report": f"Nodule of {number} mm."} for number in range(1300)])
    for workers in (1, 2):
        label_csv(many, tmp_path / f"{workers}.csv", ["report"], workers=workers)
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()
    assert [row["id"] for row in read(tmp_path / "2.csv")] == [str(number) for number in range(1300)]


def test_evidence_names_sentence_characters_and_rule(write: Write, tmp_path: Path) -> None:
    label_csv(write(), tmp_path / "out.csv", ["report"], evidence=tmp_path / "evidence.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "evidence.jsonl").read_text().splitlines()]
    first = lines[0]
    assert (first["row"], first["observation"], first["state"]) == (0, "Pleural Effusion", 1)
    assert ROWS[0]["report"][first["start"] : first["end"]] == "effusion"
    assert (first["laterality"], first["severity"]) == ("left", "mild")
    assert next(line for line in lines if line["row"] == 1)["rule"].endswith("negated forward: no")


def test_compressed_in_and_out(write: Write, tmp_path: Path) -> None:
    packed = tmp_path / "reports.csv.gz"
    packed.write_bytes(gzip.compress(write().read_bytes()))
    label_csv(packed, tmp_path / "out.csv.gz", ["report"])
    assert gzip.decompress((tmp_path / "out.csv.gz").read_bytes()).count(b"\n") > len(ROWS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,reprt\n1,x\n", r"no column 'report': did you mean 'reprt'"),
        ("id,report\n1,x,y\n", r"line 2: 3 cells under 2 headers"),
        ("report,report\nx,y\n", "header 'report' occurs twice"),
        ("", "is empty"),
        ("id,report\n1," + "x" * (1 << 25) + "\n", "line 2: a cell of 33,554,432 characters"),
        ('id,report\n1,"x\n2,y\n3,"z"\n', "line 2: not a regular CSV: a quote is opened here"),
    ],
)
def test_what_is_no_table_is_one_line_and_leaves_nothing(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "reports.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        label_csv(tmp_path / "reports.csv", tmp_path / "out.csv", ["report"])
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("sign", [";", "\t"])
def test_tables_as_hospitals_write_them(sign: str, tmp_path: Path) -> None:
    text = sign.join(("id", "Report")) + "\n" + sign.join(("1", "No effusion. Größe.")) + "\n"
    (tmp_path / "reports.csv").write_bytes(text.encode("cp1252"))
    label_csv(tmp_path / "reports.csv", tmp_path / "out.csv", ["report"])
    (row,) = read(tmp_path / "out.csv")
    assert (row["Report"], row["Pleural Effusion"]) == ("No effusion. Größe.", "0")


def test_a_column_that_would_be_overwritten_is_refused(write: Write, tmp_path: Path) -> None:
    rows = [{"report": "x", "Edema": "1"}]
    with pytest.raises(UsageError, match="has a column 'Edema' already"):
        label_csv(write(rows), tmp_path / "out.csv", ["report"])


@pytest.mark.parametrize("taken", ["labels.csv", "evidence.jsonl"])
def test_a_file_that_exists_is_not_replaced(write: Write, tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("corrected by hand", encoding="utf-8")
    with pytest.raises(UsageError, match=f"{taken}: exists already; remove it or choose another name"):
        label_csv(write(), tmp_path / "labels.csv", ["report"], evidence=tmp_path / "evidence.jsonl")
    assert (tmp_path / taken).read_text(encoding="utf-8") == "corrected by hand"


def test_command(write: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "labels.csv"
    arguments = ["label", str(write()), "--text-column", "report", "--out", str(out), "--workers", "1"]
    assert main.run(arguments) == 0
    said = capsys.readouterr().out
    assert said == f"{out}: 5 reports (1 empty, 2 labelled, 1 not readable, 1 nothing recognised)\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "name a collection or a CSV file"),
        (["reports.csv"], "needs --text-column HEADER and --out"),
        (["nowhere.csv", "--text-column", "report", "--out", "x.csv"], "nowhere.csv: no such file"),
        (["--explain", "nowhere.txt"], "nowhere.txt: cannot be read"),
    ],
)
def test_incomplete_commands(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main.run(["label", *arguments]) != 0
    assert message in capsys.readouterr().err
