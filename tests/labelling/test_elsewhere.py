"""The script that scores anybody's labelled reports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "labeller_elsewhere.py"


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, SCRIPT, *map(str, arguments)], capture_output=True, text=True)


def line_of(output: str, observation: str) -> list[str]:
    return next(line for line in output.splitlines() if line.startswith(observation)).split()


def test_texts_in_a_column(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    rows = ("report,Edema,Pneumothorax", "Mild edema.,1,", "No edema.,0,", "Pneumothorax.,,1", "Normal.,,1")
    table.write_text("\n".join(rows))
    done = run(table, "--text-column", "report")
    assert done.returncode == 0, done.stderr
    assert line_of(done.stdout, "Edema")[1:7] == ["1", "1", "0", "1.000", "1.000", "1.000"]
    assert line_of(done.stdout, "Pneumothorax")[1:7] == ["2", "0", "0", "1.000", "0.500", "0.667"]


def test_texts_in_files_and_columns_of_other_names(tmp_path: Path) -> None:
    (tmp_path / "files" / "p10").mkdir(parents=True)
    (tmp_path / "files" / "p10" / "s7.txt").write_text(" FINDINGS: Small opacity.\n")
    table = tmp_path / "labels.csv"
    table.write_text("study_id,kind,Airspace Opacity\n7,labels,1.0\n7,severity,-2\n8,labels,1.0\n")
    done = run(
        *(table, "--reports", tmp_path / "files", "--header-rules", "mimic_cxr", "--where", "kind=labels"),
        *("--observation", "Lung Opacity=Airspace Opacity"),
    )
    assert done.returncode == 0, done.stderr
    assert line_of(done.stdout, "Lung Opacity")[2:8] == ["1", "0", "0", "1.000", "1.000", "1.000"]


def test_a_cell_that_is_no_state_is_named(tmp_path: Path) -> None:
    table = tmp_path / "labels.csv"
    table.write_text("report,Edema\nMild edema.,maybe\n")
    done = run(table, "--text-column", "report")
    assert done.returncode != 0
    assert "maybe" in done.stderr
