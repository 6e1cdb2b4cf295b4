from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from plainfilm.download import Access, download, listing
from plainfilm.download.retry_policy import RetryPolicy
from plainfilm.errors import DownloadError, UsageError
from tests.download.conftest import FILES, FILM, SUMS, Fetch, whole
from tests.download.server import PASSWORD, Server, sums_of
from tests.io.test_locks import held_by_another


def test_a_release_comes_as_it_is(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    done = fetch()
    assert whole(tmp_path / "raw")
    assert (done.fetched, done.kept, done.failed, done.checked) == (4, 0, (), {"sha256": 4})
    assert done.received == sum(map(len, FILES.values()))
    assert (tmp_path / "raw" / "SHA256SUMS.txt").read_bytes() == sums_of(FILES)


def test_what_is_there_is_kept_without_being_asked_for(server: Server, fetch: Fetch) -> None:
    fetch()
    done = fetch()
    assert (done.fetched, done.kept, done.received) == (0, 4, 0)
    assert len(server.asked(FILM)) == 1


def test_a_file_that_another_tool_fetched_is_verified_and_kept(
    server: Server, fetch: Fetch, tmp_path: Path
) -> None:
    (tmp_path / "raw" / "train").mkdir(parents=True)
    (tmp_path / "raw" / "train" / "a b.dicom").write_bytes(FILES["train/a b.dicom"])
    assert fetch().kept == 1
    assert server.asked(FILM) == []


def test_a_file_that_another_tool_left_short_goes_on(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    (tmp_path / "raw" / "train").mkdir(parents=True)
    (tmp_path / "raw" / "train" / "a b.dicom").write_bytes(FILES["train/a b.dicom"][:1000])
    fetch()
    assert whole(tmp_path / "raw")
    assert server.asked(FILM)[0]["Range"] == "bytes=1000-"


def test_a_file_that_was_changed_is_fetched_again(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    fetch()
    (tmp_path / "raw" / "train" / "c.dicom").write_bytes(b"damaged")
    assert fetch().fetched == 1
    assert whole(tmp_path / "raw")


def test_recheck_finds_what_the_journal_does_not(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    fetch()
    film = tmp_path / "raw" / "train" / "c.dicom"
    state = film.stat()
    film.write_bytes(bytes(state.st_size))
    shutil.os.utime(film, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert fetch().fetched == 0
    assert fetch(recheck=True).fetched == 1
    assert whole(tmp_path / "raw")


@pytest.mark.parametrize("only", [["tables"], ["*.csv", "LICENSE.txt"]])
def test_only_some_files(server: Server, fetch: Fetch, tmp_path: Path, only: list[str]) -> None:
    assert fetch(only=only).files == 2
    assert not (tmp_path / "raw" / "train").exists()


def test_a_pattern_that_fits_nothing_is_said(server: Server, fetch: Fetch) -> None:
    with pytest.raises(UsageError, match="'\\*.tsv'; --list shows the paths \\(or one of tables\\)"):
        fetch(only=["*.tsv"])


def test_a_list_has_sizes_and_fetches_nothing(server: Server) -> None:
    sizes = {item.path: item.size for item in listing("vindr_cxr", None, (), Access())}
    assert sizes == {path: len(content) for path, content in FILES.items()}
    assert server.asked(FILM) == []


@pytest.mark.parametrize(
    "path", ["../x", "/etc/x", "a/../../x", "a\\..\\x", "C:x", ".plainfilm-download", "a/"]
)
def test_a_list_that_leads_out_of_the_folder_is_refused(
    server: Server, fetch: Fetch, tmp_path: Path, path: str
) -> None:
    server.files[SUMS] += sums_of({path: b""})
    with pytest.raises(DownloadError, match="line 5: lists the path"):
        fetch()
    assert not (tmp_path / "raw").exists()


def test_a_list_that_is_no_list_is_refused(server: Server, fetch: Fetch) -> None:
    server.files[SUMS] = b"<html>maintenance</html>"
    with pytest.raises(DownloadError, match=r"SHA256SUMS.txt: line 1 is no checksum"):
        fetch()


def test_a_file_that_stays_wrong_is_left_out_and_told(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    server.files[FILM] = b"not what was published"
    done = fetch()
    ((path, reason),) = done.failed
    assert path == "train/a b.dicom"
    assert "arrived twice with wrong content" in reason
    assert len(server.asked(FILM)) == 2
    assert sorted(file.name for file in (tmp_path / "raw" / "train").iterdir()) == ["c.dicom"]


def test_a_file_that_is_gone_is_reported_and_the_others_come(
    server: Server, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A file of unknown size counts as a part of the whole release, for which few test machines have room.
    monkeypatch.setattr("shutil.disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 0, 10**12))
    del server.files[FILM]
    done = fetch()
    assert "there is no such file (404)" in done.failed[0][1]
    assert done.fetched == 3


@pytest.mark.parametrize("login_page", [False, True])
def test_a_wrong_password_says_what_to_do(
    server: Server, fetch: Fetch, monkeypatch: pytest.MonkeyPatch, login_page: bool
) -> None:
    server.login_page = login_page
    monkeypatch.setenv("PHYSIONET_PW", "wrong-secret")
    with pytest.raises(DownloadError, match="does not know this user and password") as caught:
        fetch()
    assert "/sign-dua/vindr-cxr/1.0.0/" in str(caught.value)
    assert "wrong-secret" not in str(caught.value)


def test_a_missing_signature_names_the_agreement(server: Server, fetch: Fetch) -> None:
    server.trouble[FILM].statuses = [(403, {})]
    with pytest.raises(
        DownloadError, match="no access to vindr-cxr/1.0.0: it needs a credentialed"
    ) as caught:
        fetch()
    assert "'PhysioNet Credentialed Health Data Use Agreement 1.5.0' signed at" in str(caught.value)
    assert len(server.asked(FILM)) == 1


def test_too_small_a_disk_is_said_before_anything_comes(
    server: Server, fetch: Fetch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(DownloadError, match="needs about 0.0 GB and has 0.0 GB free; free some space"):
        fetch()
    assert server.asked(FILM) == []


def test_a_full_disk_is_one_line(server: Server, fetch: Fetch, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device", "raw/x.part")

    monkeypatch.setattr("plainfilm.download.transfer.Partial.write", full)
    with pytest.raises(
        DownloadError, match=r"raw/x.part: the disk is full; free some space and repeat the command"
    ):
        fetch()


def test_a_file_in_the_way_of_a_folder_is_one_line(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "train").write_text("a file")
    with pytest.raises(DownloadError, match="choose another folder or fix this one"):
        fetch()


def test_the_target_is_no_file(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    (tmp_path / "raw").write_text("a file")
    with pytest.raises(UsageError, match="is a file; name a folder"):
        fetch()


def test_two_downloads_do_not_share_a_folder(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    with held_by_another(tmp_path / "raw"), pytest.raises(UsageError, match="is being written by process"):
        fetch()


def test_a_server_that_answers_no_file_ends_the_run(server: Server, tmp_path: Path) -> None:
    for path in server.files:
        server.trouble[path].statuses = [(503, {})] * 50 * (path != SUMS)
    with pytest.raises(DownloadError, match="answers 503, 2 times in a row; repeat the command later"):
        download(
            "vindr_cxr",
            tmp_path / "raw",
            workers=1,
            access=Access(retries=RetryPolicy(attempts=2, first_wait_s=0.01)),
        )


def test_a_corpus_that_allows_no_script_says_how_to_get_it(fetch: Fetch) -> None:
    with pytest.raises(DownloadError, match="CheXpert allows no scripted download: register at https://"):
        fetch("chexpert")


def test_reports_are_unpacked_where_the_source_looks(server: Server, fetch: Fetch, tmp_path: Path) -> None:
    import io
    import zipfile

    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("files/p10/p10000032/s50414267.txt", "FINDINGS: Clear.")
    releases = {
        "mimic-cxr-jpg/2.1.0": {"LICENSE.txt": b"L"},
        "mimic-cxr/2.1.0": {"mimic-cxr-reports.zip": packed.getvalue(), "files/p10/film.dcm": b"not wanted"},
    }
    for project, files in releases.items():
        for path, content in {**files, "SHA256SUMS.txt": sums_of(files)}.items():
            server.files[f"/files/{project}/{path}"] = content
    done = [fetch("mimic_cxr"), fetch("mimic_cxr")]
    assert [(each.fetched, each.kept, each.unpacked) for each in done] == [
        (2, 0, ("mimic-cxr-reports",)),
        (0, 2, ("mimic-cxr-reports",)),
    ]
    raw = tmp_path / "raw"
    assert (raw / "mimic-cxr-reports/files/p10/p10000032/s50414267.txt").read_text() == "FINDINGS: Clear."
    assert not (raw / "mimic-cxr-reports.zip").exists()


def test_the_password_is_shown_nowhere(
    server: Server, fetch: Fetch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level("DEBUG")
    done = fetch()
    assert PASSWORD not in f"{done}{caplog.text}{capfd.readouterr()}"
    assert all("Authorization" in headers for _, _, headers in server.requests)


def test_each_pattern_must_fit_a_file(server: Server, fetch: Fetch) -> None:
    with pytest.raises(UsageError, match=r"no file fits '\*.png'; --list"):
        fetch(only=["*.csv", "*.png"])
