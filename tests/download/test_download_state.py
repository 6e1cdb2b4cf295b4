from __future__ import annotations

from pathlib import Path

from plainfilm.download.download_state import DownloadState
from plainfilm.download.item import RESERVED, Fixed, Item

ITEM = Item("a/film.jpg", Fixed("https://host/film.jpg"), sha256="0" * 64)


def write(raw: Path) -> None:
    (raw / "a").mkdir(parents=True)
    (raw / "a" / "film.jpg").write_bytes(b"film")
    with DownloadState(raw) as journal:
        assert not journal.knows(ITEM)
        journal.add(ITEM)


def test_a_file_is_known_until_it_changes(tmp_path: Path) -> None:
    write(tmp_path)
    with DownloadState(tmp_path) as journal:
        assert journal.knows(ITEM)
        (tmp_path / "a" / "film.jpg").write_bytes(b"other")
        assert not journal.knows(ITEM)


def test_another_release_of_a_file_is_not_known(tmp_path: Path) -> None:
    write(tmp_path)
    with DownloadState(tmp_path) as journal:
        assert not journal.knows(Item(ITEM.path, ITEM.address, sha256="1" * 64))


def test_a_line_that_was_cut_off_is_forgotten(tmp_path: Path) -> None:
    write(tmp_path)
    file = tmp_path / RESERVED
    whole = file.read_bytes()
    file.write_bytes(whole + b"sha256:11\t4")
    with DownloadState(tmp_path) as journal:
        assert journal.knows(ITEM)
        journal.add(ITEM)
    assert file.read_bytes() == whole * 2
