from __future__ import annotations

import errno
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image as PillowImage

from plainfilm.collection import Collection, prepare, shard
from plainfilm.errors import CollectionError, ConfigError, DataError, SourceError, UsageError
from plainfilm.io import files
from tests.source_examples import source_example

STUDIES_PER_SHARD = shard.STUDIES_WITH_FILMS


def content(folder: Path) -> dict[str, str]:
    """Every file of a folder and the hash of its bytes."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def reasons(collection: Collection) -> list[str]:
    return collection.table("rejected")["reason"].to_pylist()


def test_what_is_stored(tmp_path: Path, write_table) -> None:
    collection = prepare("table", write_table(4), tmp_path / "out", size=32, workers=1)
    images = collection.frame("images")
    assert images[
        ["width", "height", "original_width", "original_height"]
    ].drop_duplicates().to_numpy().tolist() == [[40, 32, 90, 72]]
    for row in images.itertuples():
        path = collection.image_path(row.path)
        assert hashlib.sha256(path.read_bytes()).hexdigest() == row.sha256
        with PillowImage.open(path) as film:
            assert (film.mode, film.size, film.format) == ("L", (row.width, row.height), "JPEG")


def test_small_films_are_not_enlarged(tmp_path: Path, write_table) -> None:
    collection = prepare("table", write_table(2), tmp_path / "out", size=512, workers=1)
    assert set(collection.frame("images")["width"]) == {90}


def test_same_bytes_whatever_the_number_of_workers(tmp_path: Path, write_table) -> None:
    raw = write_table(STUDIES_PER_SHARD + 10)
    prepare("table", raw, tmp_path / "one", size=32, workers=1)
    prepare("table", raw, tmp_path / "two", size=32, workers=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_nothing_is_left_of_the_work(tmp_path: Path, write_table) -> None:
    collection = prepare("table", write_table(3), tmp_path / "out", size=32, workers=1)
    assert sorted(path.name for path in collection.path.iterdir()) == sorted(
        ["collection.json", "images", *(f"{name}.parquet" for name in collection.meta["tables"])]
    )


KILLED = """
import sys, time
from pathlib import Path
from plainfilm.collection import prepare, rows
from plainfilm.io.images import write_jpeg

def slow(*arguments):
    time.sleep(0.01)
    return write_jpeg(*arguments)

rows.write_jpeg = slow
prepare("table", Path(sys.argv[1]), Path(sys.argv[2]), size=32, workers=1)
"""


def kill_when(condition, raw: Path, out: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED, str(raw), str(out)]) as process:
        while not condition() and process.poll() is None:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL


def test_killed_twice_and_repeated_gives_the_same_bytes(tmp_path: Path, write_table) -> None:
    raw, out = write_table(2 * STUDIES_PER_SHARD + 5), tmp_path / "out"
    kill_when(
        lambda: (out / ".partial/images").is_dir() and any((out / ".partial/images").iterdir()), raw, out
    )
    kill_when((out / ".partial/parts/000000").is_dir, raw, out)
    with pytest.raises(CollectionError, match="not finished"):
        Collection.open(out)
    prepare("table", raw, out, size=32, workers=1)
    prepare("table", raw, tmp_path / "whole", size=32, workers=1)
    assert content(out) == content(tmp_path / "whole")


def test_a_finished_part_is_taken_over(tmp_path: Path, write_table, monkeypatch: pytest.MonkeyPatch) -> None:
    raw, out = write_table(STUDIES_PER_SHARD + 1), tmp_path / "out"
    interrupt_at(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        prepare("table", raw, out, size=32, workers=1)
    monkeypatch.undo()
    done: list[int] = []
    rows_of = shard._rows
    monkeypatch.setattr(shard, "_rows", lambda job, *care: done.append(job.number) or rows_of(job, *care))
    prepare("table", raw, out, size=32, workers=1)
    assert done == [1]


def interrupt_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    rows_of = shard._rows

    def interrupted(job: shard.Shard, is_careful: bool) -> object:
        if job.number == number:
            raise KeyboardInterrupt
        return rows_of(job, is_careful)

    monkeypatch.setattr(shard, "_rows", interrupted)


def test_raw_data_that_changed_in_between_leaves_nothing_behind(
    tmp_path: Path, write_table, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, out = write_table(STUDIES_PER_SHARD + 1), tmp_path / "out"
    interrupt_at(monkeypatch, 1)
    with pytest.raises(KeyboardInterrupt):
        prepare("table", raw, out, size=32, workers=1)
    monkeypatch.undo()
    raw = write_table(3)
    prepare("table", raw, out, size=32, workers=1)
    prepare("table", raw, tmp_path / "fresh", size=32, workers=1)
    assert content(out) == content(tmp_path / "fresh")


STEPS = ("images", "studies.parquet", "rejected.parquet", "collection.json")


@pytest.mark.parametrize("step", STEPS)
def test_killed_while_publishing(
    tmp_path: Path, write_table, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    raw, out = write_table(3), tmp_path / "out"
    stop_moves(monkeypatch, out / step)
    with pytest.raises(KeyboardInterrupt):
        prepare("table", raw, out, size=32, workers=1)
    monkeypatch.undo()
    prepare("table", raw, out, size=32, workers=1)
    prepare("table", raw, tmp_path / "whole", size=32, workers=1)
    assert content(out) == content(tmp_path / "whole")


def stop_moves(monkeypatch: pytest.MonkeyPatch, target: Path) -> None:
    """Interrupts before anything is moved to `target`."""
    for name in ("rename", "replace"):
        move = getattr(Path, name)

        def stopped(self: Path, to: Path, move=move) -> Path:
            if Path(to) == target:
                raise KeyboardInterrupt
            return move(self, to)

        monkeypatch.setattr(Path, name, stopped)


def test_a_full_disk_is_told_and_the_work_goes_on_later(
    tmp_path: Path, write_table, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, out = write_table(STUDIES_PER_SHARD + 1), tmp_path / "out"
    make_disk_full(monkeypatch, after=STUDIES_PER_SHARD + 20)
    with pytest.raises(DataError, match="No space left on device.*(make room|free space)"):
        prepare("table", raw, out, size=32, workers=1)
    monkeypatch.undo()
    assert (out / ".partial/parts/000000/part.json").is_file()
    assert len(prepare("table", raw, out, size=32, workers=1).table("images")) == STUDIES_PER_SHARD + 1


def make_disk_full(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    written = iter(range(10**6))
    mkstemp = files.tempfile.mkstemp

    def limited(*arguments: object, **named: object) -> object:
        if next(written) >= after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return mkstemp(*arguments, **named)

    monkeypatch.setattr(files.tempfile, "mkstemp", limited)


def test_a_full_disk_leaves_the_old_collection(
    tmp_path: Path, write_table, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, out = write_table(3), tmp_path / "out"
    prepare("table", raw, out, size=32, workers=1)
    before = content(out)
    make_disk_full(monkeypatch, after=2)
    with pytest.raises(DataError):
        prepare("table", raw, out, size=24, workers=1, replace_present=True)
    after = {path: digest for path, digest in content(out).items() if not path.startswith(".partial")}
    assert after == before


def test_a_finished_collection_is_returned_as_it_is(tmp_path: Path, write_table) -> None:
    raw = write_table(3)
    first = prepare("table", raw, tmp_path / "out", size=32, workers=1)
    stamp = (first.path / "images.parquet").stat().st_mtime_ns
    prepare("table", raw, tmp_path / "out", size=32, workers=1)
    assert (first.path / "images.parquet").stat().st_mtime_ns == stamp


def test_another_collection_is_replaced_only_when_asked(tmp_path: Path, write_table) -> None:
    raw, out = write_table(3), tmp_path / "out"
    prepare("table", raw, out, size=32, workers=1)
    with pytest.raises(CollectionError, match="other raw data, size or options.*--replace"):
        prepare("table", raw, out, size=24, workers=1)
    prepare("table", raw, out, size=24, workers=1, replace_present=True)
    prepare("table", raw, tmp_path / "fresh", size=24, workers=1)
    assert content(out) == content(tmp_path / "fresh")


def test_a_folder_of_something_else_is_never_touched(tmp_path: Path, write_table) -> None:
    mine = tmp_path / "mine/images/holiday.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"precious")
    with pytest.raises(CollectionError, match="is not empty and no collection"):
        prepare("table", write_table(2), tmp_path / "mine", replace_present=True)
    assert mine.read_bytes() == b"precious"


def test_bad_images_become_rows_and_nothing_else_is_lost(tmp_path: Path, write_table) -> None:
    raw = write_table(4)
    (raw.parent / "film0.png").write_bytes(b"")
    whole = (raw.parent / "film1.png").read_bytes()
    (raw.parent / "film1.png").write_bytes(whole[: len(whole) // 2])
    (raw.parent / "film2.png").write_bytes(b"<html>not found</html>")
    collection = prepare("table", raw, tmp_path / "out", size=32, workers=1)
    rejected = collection.frame("rejected")
    assert rejected["path"].tolist() == ["film0.png", "film1.png", "film2.png"]
    assert [reason[:8] for reason in rejected["reason"]] == ["is empty", "is trunc", "not an i"]
    assert (len(collection.table("images")), len(collection.table("studies"))) == (1, 4)


def test_duplicate_ids_are_rejected(tmp_path: Path, write_table) -> None:
    raw = write_table(3)
    raw.write_text(raw.read_text() + "film0.png,other,patient9,Text.,\n")
    collection = prepare("table", raw, tmp_path / "out", size=32, workers=1)
    assert reasons(collection) == ["duplicate image id 'film0'"]
    assert collection.table("studies")["study_id"].to_pylist()[-1] == "other"


def test_a_study_in_two_splits_is_kept_in_the_first(tmp_path: Path, write_table) -> None:
    text = write_table(2).read_text()
    for name in ("train.csv", "test.csv"):
        (tmp_path / "raw" / name).write_text(text)
    (tmp_path / "raw/films.csv").unlink()
    collection = prepare("table", tmp_path / "raw", tmp_path / "out", size=32, workers=1)
    assert set(collection.table("studies")["split"].to_pylist()) == {"train"}
    assert "duplicate study id 'study0'" in reasons(collection)


def test_text_only(tmp_path: Path) -> None:
    (tmp_path / "reports.csv").write_text("report\nNo effusion.\nSmall effusion.\n")
    collection = prepare("table", tmp_path / "reports.csv", tmp_path / "out", workers=1)
    assert collection.table("sentences")["text"].to_pylist() == ["No effusion.", "Small effusion."]
    assert len(collection.table("images")) == 0


def test_ids_in_any_script(tmp_path: Path, write_table) -> None:
    raw = write_table(2)
    raw.write_text(
        "path,study_id,image_id,patient_id\nfilm0.png,étude/1,胸片/1,ß\nfilm1.png,étude/2,../../x,ß\n",
        "utf-8",
    )
    collection = prepare("table", raw, tmp_path / "out", size=32, workers=1)
    assert collection.table("images")["image_id"].to_pylist() == ["胸片/1", "../../x"]
    files = list((tmp_path / "out").rglob("*.jpg"))
    assert len(files) == 2
    assert all(path.is_relative_to(tmp_path / "out/images") for path in files)


def test_nothing_usable_says_why(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path\ngone.png\n")
    with pytest.raises(SourceError, match=r"no study can be used: gone\.png: no such file"):
        prepare("table", tmp_path / "t.csv", tmp_path / "out", workers=1)


def test_raw_that_cannot_be_read_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(SourceError):
        prepare("mimic_cxr", tmp_path / "nowhere", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_raw_data_without_anything_leave_no_folder(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    with pytest.raises(SourceError, match="source dicom_folder found none"):
        prepare("dicom_folder", tmp_path / "raw", tmp_path / "out", workers=1)
    assert not (tmp_path / "out").exists()


def test_unknown_options_and_sizes(tmp_path: Path, write_table) -> None:
    with pytest.raises(ConfigError, match="did you mean 'columns'"):
        prepare("table", write_table(1), tmp_path / "out", options={"column": {}})
    with pytest.raises(UsageError, match="at least 16"):
        prepare("table", write_table(1), tmp_path / "out", size=3)


def test_fingerprint_is_of_the_content(tmp_path: Path, write_table) -> None:
    first = prepare("table", write_table(3), tmp_path / "one", size=32, workers=1)
    moved = shutil.copytree(tmp_path / "raw", tmp_path / "moved") / "films.csv"
    second = prepare("table", moved, tmp_path / "two", size=32, workers=1)
    (tmp_path / "moved/film0.png").write_bytes((tmp_path / "moved/film1.png").read_bytes())
    third = prepare("table", moved, tmp_path / "three", size=32, workers=1)
    assert first.fingerprint == second.fingerprint != third.fingerprint


def test_mimic_cxr_of_phantoms(tmp_path: Path) -> None:
    raw = source_example("mimic_cxr", tmp_path / "raw")
    collection = prepare("mimic_cxr", raw, tmp_path / "out", size=64, workers=1)
    assert len(collection.table("studies")) == 6
    assert len(collection.table("images")) >= 6
    assert {"findings", "impression"} <= set(collection.table("sections")["section"].to_pylist())


COLUMNS = {
    "image": "image",
    "text": "clinical_notes",
    "labels": "labels",
    "patient": "patient_id",
    "study": "study_id",
    "view": "view",
    "age": "age",
    "sex": "sex",
    "licence": "license",
}


def test_real_films(tmp_path: Path, real_data: Path) -> None:
    lines = (real_data / "metadata.csv").read_text("utf-8").splitlines()
    (tmp_path / "some.csv").write_text("\n".join([lines[0], *lines[1:40], *lines[300:320]]), "utf-8")
    (tmp_path / "images").symlink_to(real_data / "images")
    collection = prepare(
        "table", tmp_path / "some.csv", tmp_path / "out", size=128, workers=1, options={"columns": COLUMNS}
    )
    assert len(collection.table("images")) + len(collection.table("rejected")) >= 59
    assert {"PA", "AP"} <= set(collection.table("images")["view"].to_pylist())
