from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.errors import DownloadError
from plainfilm.io import limits
from tests.download.conftest import FILES, FILM, SUMS, Fetch, whole
from tests.download.server import Server

PART = "train/a b.dicom.part"


def ranges(server: Server) -> list[str | None]:
    return [headers.get("Range") for headers in server.asked(FILM)]


def test_a_body_without_end_is_refused_at_the_size_that_the_server_stated(
    server: Server, fetch: Fetch, tmp_path: Path
) -> None:
    server.trouble[FILM].endless = True
    done = fetch()
    ((path, reason),) = done.failed
    assert (path, done.fetched) == ("train/a b.dicom", len(FILES) - 1)
    assert "and the file can have 700,000; it was removed" in reason
    assert not (tmp_path / "raw" / PART).exists()


def test_a_body_of_unknown_size_is_refused_where_no_film_goes_on(
    server: Server, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plainfilm.download.run.MOST_SIZES_ASKED", 0)
    monkeypatch.setattr("plainfilm.download.run._check_room", lambda places, out: None)
    monkeypatch.setattr(limits, "LARGEST_FILE", 1_000_000)
    server.trouble[FILM].endless = True
    ((_, reason),) = fetch().failed
    assert "and the file can have 1,000,000; it was removed" in reason


def test_a_list_without_end_is_refused(server: Server, fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LARGEST_LIST", 100_000)
    server.trouble[SUMS].endless = True
    with pytest.raises(DownloadError, match=r"SHA256SUMS.txt: sends more than 100,000 bytes"):
        fetch()


def test_a_list_of_too_many_files_is_refused(
    server: Server, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MOST_MEMBERS", 2)
    with pytest.raises(DownloadError, match="lists more than 2 files"):
        fetch()


def leave_part(raw: Path, content: bytes, tag: str | None = None) -> None:
    (raw / PART).parent.mkdir(parents=True)
    (raw / PART).write_bytes(content)
    if tag:
        (raw / f"{PART}.tag").write_text(tag)


def test_a_connection_that_drops_goes_on_where_it_was(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    server.trouble[FILM].cut_after = [100_000, 5, 200_000]
    done = fetch()
    assert ranges(server) == [None, "bytes=100000-", "bytes=100005-", "bytes=300005-"]
    assert whole(tmp_path / "raw")
    assert done.received == sum(map(len, FILES.values()))


def test_drops_that_each_bring_something_never_use_up_the_tries(
    server: Server, fetch: Fetch, tmp_path: Path
) -> None:
    server.trouble[FILM].cut_after = [60_000] * 11
    assert fetch(attempts=2).failed == ()
    assert whole(tmp_path / "raw")


def test_drops_that_bring_nothing_do(server: Server, fetch: Fetch) -> None:
    server.trouble[FILM].cut_after = [0] * 50
    ((path, reason),) = fetch(attempts=3).failed
    assert path == "train/a b.dicom"
    assert "3 times in a row" in reason


def test_the_rest_is_asked_for_only_of_the_same_version(server: Server, fetch: Fetch) -> None:
    server.trouble[FILM].cut_after = [100_000]
    fetch()
    first, second = server.asked(FILM)
    assert "If-Range" not in first
    assert second["If-Range"].startswith('"')


def test_a_file_that_changed_in_between_is_fetched_whole(
    server: Server, fetch: Fetch, tmp_path: Path
) -> None:
    leave_part(tmp_path / "raw", b"old" * 1000, tag='"old"')
    fetch()
    assert len(server.asked(FILM)) == 1
    assert whole(tmp_path / "raw")


def test_a_server_without_ranges_begins_again(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    server.trouble[FILM].no_ranges = True
    server.trouble[FILM].cut_after = [100_000]
    fetch()
    assert whole(tmp_path / "raw")


def test_a_beginning_that_was_wrong_is_thrown_away(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    leave_part(tmp_path / "raw", b"x" * 1000)
    fetch()
    assert ranges(server) == ["bytes=1000-", None]
    assert whole(tmp_path / "raw")


@pytest.mark.parametrize("extra", [b"", b"more than there is"])
def test_a_complete_part_gets_its_name_and_a_longer_one_is_fetched_again(
    server: Server, fetch: Fetch, tmp_path: Path, extra: bytes
) -> None:
    leave_part(tmp_path / "raw", FILES["train/a b.dicom"] + extra)
    fetch()
    assert len(server.asked(FILM)) == (2 if extra else 1)
    assert whole(tmp_path / "raw")


def test_one_wrong_content_is_fetched_again(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    server.trouble[FILM].contents = [b"damaged on the way"]
    assert fetch().failed == ()
    assert whole(tmp_path / "raw")


def test_a_body_shorter_than_announced_goes_on(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    server.trouble[FILM].announced_length = 900_000
    server.trouble[FILM].no_etag = True
    done = fetch(attempts=2)
    assert done.failed == ()
    assert whole(tmp_path / "raw")


def test_an_announced_length_that_is_too_short_is_noticed(server: Server, fetch: Fetch) -> None:
    server.trouble[FILM].announced_length = 1000
    assert "arrived twice with wrong content" in fetch().failed[0][1]


def test_a_busy_server_is_asked_again_when_it_says(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    server.trouble[FILM].statuses = [(429, {"Retry-After": "0"}), (503, {}), (500, {})]
    fetch()
    assert len(server.asked(FILM)) == 4
    assert whole(tmp_path / "raw")


def test_a_silent_server_is_given_up(server: Server, fetch: Fetch) -> None:
    server.trouble[FILM].silent = True
    ((_, reason),) = fetch(timeout_s=0.2, attempts=2, only=["*.dicom"]).failed
    assert "ReadTimeout" in reason


def test_a_list_that_never_comes_is_given_up(server: Server, fetch: Fetch) -> None:
    server.trouble[SUMS].silent = True
    with pytest.raises(DownloadError, match=r"SHA256SUMS.txt: .*ReadTimeout.*, 2 times in a row"):
        fetch(timeout_s=0.2, attempts=2)


def test_a_slow_server_is_waited_for(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    server.slowly = 0.05
    fetch(timeout_s=0.5)
    assert whole(tmp_path / "raw")


def test_no_server_at_all_is_one_line(fetch: Fetch, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAINFILM_PHYSIONET_URL", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match="ConnectError"):
        fetch(attempts=2)
