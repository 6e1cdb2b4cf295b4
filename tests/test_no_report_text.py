"""What commands say on standard error never holds the text of a report."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SECRETS = ("Quuxley", "esmeralda", "0045821", "12/03/1956")
REPORT = "FINDINGS: Mrs Esmeralda Quuxley, MRN 0045821, born 12/03/1956. No effusion."


def run(*arguments: str | Path) -> str:
    """What a command says, whether it succeeds or not."""
    command = [sys.executable, "-m", "plainfilm", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True).stderr


def write(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(rows)
    return path


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Standard error of commands on sound and on broken tables whose reports name a patient."""
    folder = tmp_path_factory.mktemp("named")
    film = np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)
    Image.fromarray(film).save(folder / "a.png")
    header = ["path", "report", "study_id", "patient_id", "split"]
    row = ["a.png", REPORT, "s1", "p1", "train"]
    good = write(folder / "good.csv", [header, row, ["gone.png", REPORT, "s2", "p1", "test"], row])
    wide = write(folder / "wide.csv", [header, [*row, REPORT]])
    swapped = write(folder / "swapped.csv", [header, [REPORT, "a.png", REPORT, "p1", REPORT]])
    cut = folder / "cut.csv"
    cut.write_bytes(good.read_bytes()[:-30] + b'"' + REPORT.encode() + b"\xff\x00")
    (folder / "broken.xml").write_text(f"<eCitation>{REPORT}<")
    collection = folder / "collection"
    said = {"prepare": run("prepare", "table", good, "--out", collection, "--size", "32", "--workers", "1")}
    for name, table in (("wide", wide), ("swapped", swapped), ("cut", cut)):
        said[f"prepare {name}"] = run("prepare", "table", table, "--out", folder / name, "--workers", "1")
        said[f"label {name}"] = run(
            "label", table, "--text-column", "report", "--out", folder / f"{name}.out.csv"
        )
    said["audit"] = run("audit", collection)
    said["label"] = run("label", collection)
    said["open-i"] = run("prepare", "openi", folder, "--out", folder / "openi", "--workers", "1")
    return said


def test_no_command_tells_what_a_report_says(told: dict[str, str]) -> None:
    leaked = {
        command: secret
        for command, said in told.items()
        for secret in SECRETS
        if secret.lower() in said.lower()
    }
    assert leaked == {}


@pytest.mark.slow
def test_a_paper_that_is_repeated_tells_nothing_either(tmp_path: Path) -> None:
    film = np.random.default_rng(0).integers(0, 255, (40, 40), dtype=np.uint8)
    Image.fromarray(film).save(tmp_path / "a.png")
    rows = [["path", "report", "study_id", "patient_id", "split"], ["a.png", REPORT, "s1", "p1", "train"]]
    films = tmp_path / "films"
    run("prepare", "table", write(tmp_path / "a.csv", rows), "--out", films, "--size", "32", "--workers", "1")
    said = run("reproduce", "txtrayalign", "--data", f"mimic={films}", "--out", tmp_path / "paper")
    assert "train txtrayalign" in said
    assert "Traceback" not in said
    assert not [secret for secret in SECRETS if secret.lower() in said.lower()]


def test_the_commands_did_speak(told: dict[str, str]) -> None:
    assert all("Traceback" not in said for said in told.values())
    assert any(said for said in told.values())
