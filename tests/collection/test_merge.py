from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa
import pytest

from plainfilm.collection import merge
from plainfilm.collection.merge import ContentDigest, Writing, content_fingerprint, write_stream
from plainfilm.collection.schema import REJECTED, STUDIES, TABLES, files_of
from plainfilm.io.tables import read_parquet


def studies(*ids: str, age: float | None = None) -> pa.Table:
    rows = [{"study_id": name, "patient_id": "p", "split": "train", "age": age} for name in ids]
    return pa.Table.from_pylist(rows, schema=STUDIES)


def into(folder: Path) -> Writing:
    return lambda file: nullcontext(folder / file)


def ids(file: Path) -> list[str]:
    return read_parquet(file)["study_id"].to_pylist()


def digest(*tables: pa.Table) -> str:
    whole = ContentDigest(STUDIES)
    for table in tables:
        whole.update(table)
    return whole.hexdigest()


def test_digest_does_not_depend_on_the_cut() -> None:
    whole = studies("a", "b", "c")
    assert (
        digest(whole) == digest(whole.slice(0, 1), whole.slice(1)) == digest(studies("a", "b"), studies("c"))
    )


@pytest.mark.parametrize(
    "other",
    [studies("ab", "c"), studies("a", "cb"), studies("c", "a", "b"), studies("a", "b", "c", age=0.0)],
)
def test_digest_tells_contents_apart(other: pa.Table) -> None:
    assert digest(other) != digest(studies("a", "b", "c"))


def test_fingerprint_does_not_depend_on_what_was_rejected() -> None:
    digests = dict.fromkeys(TABLES, "0")
    assert content_fingerprint(digests) == content_fingerprint({**digests, "rejected": "1"})
    assert content_fingerprint(digests) != content_fingerprint({**digests, "labels": "1"})


def test_stream_keeps_order_and_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "ROWS_PER_GROUP", 2)
    pieces = [studies("a"), studies("b", "c"), studies("d")]
    assert write_stream("studies", iter(pieces), into(tmp_path))["rows"] == 4
    assert ids(tmp_path / "studies.parquet") == ["a", "b", "c", "d"]


def test_many_rows_are_several_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "ROWS_PER_GROUP", 1)
    pieces = [studies("a"), studies("b", "c"), studies("d"), studies("e")]
    whole = write_stream("studies", iter(pieces), into(tmp_path))
    monkeypatch.setattr(merge, "ROWS_PER_FILE", 2)
    assert write_stream("studies", iter(pieces), into(tmp_path)) == {**whole, "parts": 2}
    files = files_of("studies", {"parts": 2})
    assert [ids(tmp_path / file) for file in files] == [["a", "b", "c"], ["d", "e"]]


def test_an_empty_table_has_its_columns(tmp_path: Path) -> None:
    assert "parts" not in write_stream("rejected", iter([]), into(tmp_path))
    assert read_parquet(tmp_path / "rejected.parquet", REJECTED).num_rows == 0
