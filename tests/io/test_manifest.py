from __future__ import annotations

import contextlib
import errno
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from plainfilm.errors import CollectionError, DataError, UsageError
from plainfilm.io import manifest
from plainfilm.io.manifest import DIGEST, FILES, Change, Manifest, changing, settle, write_manifest
from plainfilm.io.tables import read_json, write_json

NAME = "head.json"


def write(folder: Path, **contents: str) -> None:
    change = Change(folder, NAME)
    for name, content in contents.items():
        with change.writing(name) as temporary:
            temporary.write_text(content)
    change.commit({"version": 1})


def read(folder: Path) -> dict[str, str]:
    """What a reader sees."""
    one = Manifest.read(folder / NAME, "write it again")
    found = {}
    for name in one.files:
        with one.open(name) as file:
            found[name] = file.read().decode()
    return found


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_files_come_into_force_with_the_manifest(tmp_path: Path) -> None:
    write(tmp_path, a="1", b="2")
    change = Change(tmp_path, NAME)
    with change.writing("a") as temporary:
        temporary.write_text("3")
    assert read(tmp_path) == {"a": "1", "b": "2"}
    change.commit({"version": 2}, kept={"b": Manifest.read(tmp_path / NAME, "").files["b"]})
    assert read(tmp_path) == {"a": "3", "b": "2"}
    assert names(tmp_path) == {"a", "b", NAME}


@pytest.mark.parametrize("stop", ["write_manifest", "settle"])
def test_stopped_before_and_after_the_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    write(tmp_path, a="1", b="2")
    with monkeypatch.context() as patched, contextlib.suppress(ZeroDivisionError):
        change = Change(tmp_path, NAME)
        for name in ("a", "b"):
            with change.writing(name) as temporary:
                temporary.write_text("new")
        patched.setattr(manifest, stop, lambda *_: 1 / 0)
        change.commit({"version": 1})
    assert read(tmp_path) == ({"a": "1", "b": "2"} if stop == "write_manifest" else {"a": "new", "b": "new"})
    settle(tmp_path, NAME)
    assert names(tmp_path) == {"a", "b", NAME}


@pytest.mark.parametrize("failing", ["b", NAME])
def test_a_change_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, a="1", b="2")
    before = names(tmp_path)
    replace = Path.replace

    def full(source: Path, target: Path) -> Path:
        if source.name.startswith((f".{failing}.", f"..{failing}.")) and source.suffix == ".part":
            raise OSError(errno.ENOSPC, "No space left on device")
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(DataError, match="No space left"):
        write(tmp_path, a="3", b="4", c="5")
    monkeypatch.undo()
    assert names(tmp_path) == before
    assert read(tmp_path) == {"a": "1", "b": "2"}


def test_a_folder_below(tmp_path: Path) -> None:
    change = Change(tmp_path, NAME)
    with change.writing("below/a") as temporary:
        temporary.write_text("1")
    change.commit({})
    assert read(tmp_path) == {"below/a": "1"}
    assert names(tmp_path / "below") == {"a"}


def test_half_written_files_of_the_dead_are_swept_below_too(tmp_path: Path) -> None:
    write(tmp_path, a="1")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for folder in (tmp_path, tmp_path / "below"):
        folder.mkdir(exist_ok=True)
        (folder / f"..a.new.{ended.pid}@{platform.node()}.x.part").touch()
    settle(tmp_path, NAME)
    assert names(tmp_path) == {"a", NAME, "below"}
    assert names(tmp_path / "below") == set()


@pytest.mark.parametrize("name", ["a", NAME])
def test_every_changed_byte_is_noticed(tmp_path: Path, name: str) -> None:
    write(tmp_path, a="some text", b="")
    whole = (tmp_path / name).read_bytes()
    for place in range(len(whole)):
        (tmp_path / name).write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        said, seen = "", {}
        try:
            seen = read(tmp_path)
        except DataError as error:
            said = str(error)
        # White space between the values of a JSON file means nothing.
        assert f"{tmp_path / name}: " in said or seen == {"a": "some text", "b": ""}


def test_a_missing_file_and_the_way_out(tmp_path: Path) -> None:
    write(tmp_path, a="1")
    (tmp_path / "a").unlink()
    with pytest.raises(CollectionError, match="a: no such file; write it again"):
        Manifest.read(tmp_path / NAME, "write it again", error=CollectionError).open("a")
    assert [line.split(";")[0] for line in Manifest.read(tmp_path / NAME, "").damage()] == [
        f"{tmp_path / 'a'}: no such file"
    ]


def test_a_manifest_read_before_another_change(tmp_path: Path) -> None:
    write(tmp_path, a="1")
    early = Manifest.read(tmp_path / NAME, "")
    write(tmp_path, a="2")
    with pytest.raises(DataError, match="changed while it was being read; repeat the command"):
        early.open("a")


def test_one_of_an_earlier_version_lists_nothing_and_checks_nothing(tmp_path: Path) -> None:
    write_json({"version": 1}, tmp_path / NAME)
    (tmp_path / "a").write_text("1")
    with Manifest.read(tmp_path / NAME, "").open("a") as file:
        assert file.read() == b"1"


def test_values_come_back_as_they_are_read(tmp_path: Path) -> None:
    written = write_manifest(tmp_path / NAME, {"pair": (1, 2.5), FILES: {}})
    assert written == {"pair": [1, 2.5], FILES: {}} == Manifest.read(tmp_path / NAME, "").values
    assert DIGEST in read_json(tmp_path / NAME)


def test_a_folder_belongs_to_one_manifest(tmp_path: Path) -> None:
    write(tmp_path / "bank", items="1")
    (tmp_path / "bank" / "other.json").write_text('{"no": "manifest"}')
    message = r"bank: has files of its own already, of head\.json; choose another folder"
    with pytest.raises(UsageError, match=message), changing(tmp_path / "bank", "results.json"):
        pass
    with pytest.raises(UsageError, match=message):
        Change(tmp_path / "bank", "results.json")
    with changing(tmp_path / "bank", NAME):
        write(tmp_path / "bank", items="2")
    assert read(tmp_path / "bank") == {"items": "2"}
