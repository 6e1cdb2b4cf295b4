from __future__ import annotations

import hashlib

import pytest

from plainfilm.errors import ConfigError, UsageError
from plainfilm.phantom.write import layouts, write


def digests(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_two_processes_write_the_bytes_of_one(tmp_path):
    for workers in (1, 2):
        write("mimic_cxr", tmp_path / str(workers), studies=5, seed=2, size=48, workers=workers)
    assert digests(tmp_path / "1") == digests(tmp_path / "2")


def test_another_seed_is_another_corpus(tmp_path):
    for seed in (1, 2):
        write("mimic_cxr", tmp_path / str(seed), studies=2, seed=seed, size=48, workers=1)
    assert not set(digests(tmp_path / "1").values()) & set(digests(tmp_path / "2").values())


def test_exactly_the_studies_asked_for_are_written(corpus):
    assert len([path for path in corpus.glob("files/*/*/s*") if path.is_dir()]) == 40


def test_an_unknown_layout_is_named_with_the_nearest(tmp_path):
    with pytest.raises(ConfigError, match="mimic_cxr"):
        write("mimic_xcr", tmp_path / "raw", studies=1)


def test_a_folder_with_something_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not an empty folder"):
        write("mimic_cxr", tmp_path, studies=1)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(("studies", "size"), [(0, 96), (1, 8)])
def test_too_little_to_draw_is_refused(tmp_path, studies, size):
    with pytest.raises(ConfigError, match="at least"):
        write("mimic_cxr", tmp_path / "raw", studies=studies, size=size)


def test_progress_counts_studies(tmp_path):
    class Counter:
        seen = 0

        def track(self, items, total, what):
            assert total == 3
            for item in items:
                self.seen += 1
                yield item

        def log(self, line):
            raise AssertionError(line)

    counter = Counter()
    write("mimic_cxr", tmp_path / "raw", studies=3, size=48, workers=1, progress=counter)
    assert counter.seen == 3


def test_layouts_are_the_files_of_their_folder():
    assert "mimic_cxr" in layouts()
