from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

from plainfilm.errors import DataError
from plainfilm.io import limits
from plainfilm.io.csv_files import find_header, looks_like_rows, open_csv, open_text, table_format


def write(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def read(path: Path) -> tuple[list[str], list[list[str]]]:
    with open_csv(path) as reader:
        return reader.headers, list(reader)


ROWS = (["path", "report"], [["a.png", "No effusion, größer; 3|4."], ["b.png", "Two\nlines."]])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
@pytest.mark.parametrize("first", ["", "sep={}\n", '"sep={}"\n', "\n\n"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_tables_as_programs_write_them(
    tmp_path: Path, encoding: str, sign: str, first: str, end: str
) -> None:
    lines = [
        first.format(sign) + sign.join(ROWS[0]),
        *(sign.join(f'"{cell}"' for cell in row) for row in ROWS[1]),
        "",
    ]
    path = write(tmp_path / "t.csv", end.join(lines).encode(encoding))
    assert read(path) == ROWS


def test_gzip_is_known_by_content(tmp_path: Path) -> None:
    assert read(write(tmp_path / "t.csv", gzip.compress(b"a,b\n1,2\n"))) == (["a", "b"], [["1", "2"]])


def test_semicolons_in_the_text_of_a_table_of_one_column_part_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "report\nNo effusion; no edema\nClear; normal\n")
    assert read(path) == (["report"], [["No effusion; no edema"], ["Clear; normal"]])


def test_commas_in_the_texts_of_a_table_of_semicolons_part_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "path;text, free\na.png;No effusion, no edema\nb.png;Clear\n")
    assert read(path)[0] == ["path", "text, free"]


def test_a_delimiter_that_cannot_be_told_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "a;b,c\n1;2,3\n4;5,6\n")
    with pytest.raises(
        DataError, match="may be cut at a comma or a semicolon; begin the file with a line sep=,"
    ):
        table_format(path)


def test_what_is_read_in_another_way_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write(tmp_path / "t.csv", "a;b\n1;größer\n".encode("cp1252"))
    read(path), read(path)
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: is not UTF-8; read as Windows-1252 (if letters are wrong, save it as UTF-8)",
        f"{path}: its cells are separated by a semicolon",
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty; expected a header row"),
        (b"\n\n", "is empty; expected a header row"),
        (
            'a,b\n1,"x\n2,y\n3,"z"\n',
            "line 2: .*a quote is opened here that is not closed properly up to line 4",
        ),
        ('a,b\n1,2\n3,"x\n4,y\n', "line 3: .*a quote is opened here"),
        ('a,b\n1,"x" y\n', "line 2: .*text stands behind a closing quote"),
        ('sep=,\na,b\n1,"x" y\n', "line 3: .*text stands behind a closing quote"),
        ('"a,b,c"\n"1,2,3"\n', "the whole header is one quoted cell 'a,b,c'"),
        (gzip.compress(b"text\n1\n" * 1000, mtime=0)[:-20], "gzip data are damaged or cut short"),
        ("text\nä\n".encode("utf-16")[:-1], "is not text in utf-16"),
        (b"PK\x03\x04xl/workbook.xml", "is no CSV but an Excel workbook"),
        ('[{"path": "a.png"}, {"path": "b.png"}]', "is no CSV but JSON"),
        (",".join(map(str, range(10_001))) + "\n", "has 10,001 columns; at most 10,000 are read"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(tmp_path: Path, data: bytes | str, message: str) -> None:
    path = write(tmp_path / "t.csv", data)
    with pytest.raises(DataError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "message"), [("none.csv", "no such file"), (".", "cannot be read")])
def test_no_file(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read(tmp_path / name)


def test_a_file_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "UNPACKED_FREELY", 1 << 16)
    path = write(tmp_path / "t.csv.gz", gzip.compress(b"a,b\n" + b"1,2\n" * 1_000_000))
    with pytest.raises(DataError, match="unpacks to far more than any table"):
        read(path)
    ordinary = "".join(f"{hash(str(number))},2\n" for number in range(50_000))
    assert len(read(write(tmp_path / "u.csv.gz", gzip.compress(f"a,b\n{ordinary}".encode())))[1]) == 50_000


@pytest.mark.parametrize("in_zip", [False, True])
@pytest.mark.parametrize("row", [b"f,1\n", b"\n", b"0" * 50 + b",1\n"])
def test_a_small_file_of_many_rows_is_refused(
    tmp_path: Path, row: bytes, in_zip: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ROWS_FREELY", 1000)
    table = b"a,b\n" + row * 50_000
    path = tmp_path / "t.csv.gz"
    if in_zip:
        path = tmp_path / "t.zip" / "t.csv"
        with zipfile.ZipFile(path.parent, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("t.csv", table)
    else:
        path.write_bytes(gzip.compress(table))
    with pytest.raises(DataError, match="far more than any table does .* lines.; unpack it yourself"):
        read(path)


@pytest.mark.parametrize(
    ("name", "headers", "found"),
    [
        ("path", ["Path", "x"], "Path"),
        ("path", ["path", "Path"], "path"),
        ("patient_id", ["Patient ID"], "Patient ID"),
        ("patient_id", ["PatientID", "id"], "PatientID"),
        ("image", ["Ｉｍａｇｅ"], "Ｉｍａｇｅ"),
        ("image", ["images"], None),
    ],
)
def test_headers_are_the_same_in_any_case(name: str, headers: list[str], found: str | None) -> None:
    assert find_header(Path("t.csv"), name, headers) == found


def test_a_header_that_several_may_be_is_asked_about() -> None:
    with pytest.raises(DataError, match="column 'path' may be any of 'Path', 'PATH'; rename the others"):
        find_header(Path("t.csv"), "path", ["Path", "PATH"])


@pytest.mark.parametrize(
    ("cells", "is_swallowed"),
    [
        (["a.png", "p1", 'Clear.\nb.png,p2,tube 5"'], True),
        (["s1", "p1", "x", "Clear.\ns2,p2,y,Normal"], True),
        (["a.png", "p1", "Heart, lungs, bones normal.\nNo mass, no nodule, no edema."], False),
        (["alice", "p1", "Findings:\nHeart, lungs, normal"], False),
        (["a.png", "p1", "One line, with, commas"], False),
        (["17", "Clear.\n2, both normal"], True),
    ],
)
def test_rows_behind_an_open_quote_are_seen(cells: list[str], is_swallowed: bool) -> None:
    assert looks_like_rows(cells, ",") == is_swallowed


def test_text_is_not_looked_at_for_delimiters(tmp_path: Path) -> None:
    path = write(tmp_path / "t.json", '{"a": "1;2", "b": 3}\n{"a": "4;5", "b": 6}\n')
    with open_text(path) as text:
        assert len(list(text)) == 2


def test_blanks_before_quoted_cells(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", 'path, report\na.png, "No, effusion"\nb.png, clear\n')
    assert read(path) == (["path", "report"], [["a.png", "No, effusion"], ["b.png", "clear"]])
