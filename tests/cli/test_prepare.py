from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.cli.main import run
from tests.source_examples import source_example


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return source_example("table", tmp_path / "raw")


def test_prepare_says_what_it_made(raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prepare", "table", str(raw), "--out", str(tmp_path / "c"), "--size", "32"]) == 0
    assert "3 studies, 3 images, 3 sentences; 1 rejected" in capsys.readouterr().out


def test_columns(raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    columns = ["--column", "image=path", "--column", "text=report,labels"]
    assert run(["prepare", "table", str(raw), "--out", str(tmp_path / "c"), *columns]) == 0
    assert "3 images" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--column", "image"], "write it ROLE=HEADER"),
        (["--column", "image=path", "--column", "image=report"], "role 'image' is given twice"),
        (["--column", "image=paht"], "did you mean 'path'"),
        (["--column", "imge=path"], "did you mean 'image'"),
        (["--option", "header_rule=plain"], "did you mean 'header_rules'"),
        (["--size", "2"], "at least 16 pixels"),
    ],
)
def test_a_mistake_is_one_line(
    raw: Path, tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["prepare", "table", str(raw), "--out", str(tmp_path / "c"), *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_unknown_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["prepare", "mimic", str(tmp_path), "--out", str(tmp_path / "c")]) == 2
    assert "unknown source 'mimic': did you mean 'mimic_cxr'" in capsys.readouterr().err


def test_the_environment_says_where_the_raw_data_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MIMIC_CXR_JPG_DIR", str(source_example("mimic_cxr", tmp_path / "jpg")))
    assert run(["prepare", "mimic_cxr", "--out", str(tmp_path / "c"), "--size", "32"]) == 0
    assert "6 studies" in capsys.readouterr().out


def test_the_environment_says_where_the_reports_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    films = source_example("mimic_cxr", tmp_path / "jpg")
    for report in sorted((films / "files").rglob("*.txt")):
        place = tmp_path / "reports" / report.relative_to(films)
        place.parent.mkdir(parents=True, exist_ok=True)
        report.rename(place)
    monkeypatch.setenv("MIMIC_CXR_JPG_DIR", str(films))
    monkeypatch.setenv("MIMIC_CXR_REPORT_DIR", str(tmp_path / "reports"))
    assert run(["prepare", "mimic_cxr", "--out", str(tmp_path / "c"), "--size", "32"]) == 0
    assert " 0 sentences" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("mimic_cxr", "name the folder of the raw data, or set MIMIC_CXR_JPG_DIR"),
        ("rsna", "name the folder of the raw data, as the second argument"),
        ("mimic", "did you mean 'mimic_cxr'"),
    ],
)
def test_raw_data_nobody_names(
    source: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("MIMIC_CXR_JPG_DIR", "MIMIC_CXR_BASE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    assert run(["prepare", source, "--out", str(tmp_path / "c")]) == 2
    assert message in capsys.readouterr().err


def test_the_first_rejected_rows_are_listed_with_reasons(
    raw: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "t.csv"
    table.write_text("path,patient_id\nraw/film0.png,p\n" + "".join(f"gone{n}.png,p\n" for n in range(5)))
    assert run(["prepare", "table", str(table), "--out", str(tmp_path / "c"), "--size", "32"]) == 0
    said = capsys.readouterr()
    assert said.out.endswith("1 studies, 1 images, 0 sentences; 5 rejected\n")
    assert [line for line in said.err.splitlines() if line.startswith("rejected: ")] == [
        *(f"rejected: gone{n}.png: no such file (named by t.csv row {n + 2})" for n in range(3)),
        "rejected: ... and 2 more, in the table `rejected`",
    ]


def test_a_key_is_an_option_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "key").write_text("password" * 4)
    arguments = ["prepare", "dicom_folder", str(tmp_path / "raw"), "--out", str(tmp_path / "c")]
    assert run([*arguments, "--key", str(tmp_path / "key")]) == 2
    assert "key: the key may be guessed; make a random one" in capsys.readouterr().err
