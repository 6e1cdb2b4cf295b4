"""The log of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.training.log import JsonLines, check_trackers, last_event, read_log


def test_lines_come_back(tmp_path: Path) -> None:
    log = JsonLines(tmp_path / "log.jsonl")
    log.write("step", {"step": 1, "loss": 2.5})
    log.write("step", {"step": 2, "loss": 2.0})
    assert [line["loss"] for line in read_log(tmp_path / "log.jsonl")] == [2.5, 2.0]


def test_resuming_takes_back_later_lines(tmp_path: Path) -> None:
    log = JsonLines(tmp_path / "log.jsonl")
    for step in (1, 2, 3):
        log.write("step", {"step": step})
    JsonLines(tmp_path / "log.jsonl", keep_to_step=2).write("step", {"step": 3, "again": True})
    assert read_log(tmp_path / "log.jsonl")[-1] == {"event": "step", "step": 3, "again": True}
    assert len(read_log(tmp_path / "log.jsonl")) == 3


def test_a_line_cut_off_by_a_kill_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('{"event": "step", "step": 1}\n{"event": "st')
    assert [line["step"] for line in read_log(file)] == [1]
    JsonLines(file, keep_to_step=1)
    assert file.read_text().endswith("}\n")


def test_installed_trackers_pass() -> None:
    check_trackers(["tensorboard", "mlflow"])


@pytest.mark.parametrize(
    ("text", "event"),
    [
        ("", None),
        ('{"event": "end"', None),
        ('{"event": "step"}\n{"event": "end"}\n', "end"),
        ('{"event": "step"}\n{"event": "end"}', "step"),
        ('{"event": "step"}\n' * 100_000 + '{"event": "end"}\n', "end"),
    ],
    ids=["empty", "cut off", "whole", "last cut off", "long"],
)
def test_the_last_event_is_that_of_the_last_whole_line(text: str, event: str | None, tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(text)
    assert last_event(tmp_path / "log.jsonl") == event
