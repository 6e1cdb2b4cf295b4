from __future__ import annotations

from plainfilm.cli.main import run


def test_a_corpus_is_written(tmp_path, capsys):
    arguments = ["--studies", "2", "--size", "48", "--seed", "1"]
    assert run(["phantom", "mimic_cxr", "--out", str(tmp_path / "raw"), *arguments]) == 0
    assert len(list((tmp_path / "raw").rglob("*.jpg"))) >= 2
    assert "2 studies" in capsys.readouterr().err


def test_an_unknown_layout_is_one_line(tmp_path, capsys):
    assert run(["phantom", "mimic", "--out", str(tmp_path / "raw")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "did you mean 'mimic_cxr'" in said


def test_a_folder_that_is_not_empty_is_one_line(tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert run(["phantom", "mimic_cxr", "--out", str(tmp_path)]) == 2
    assert "not an empty folder" in capsys.readouterr().err
