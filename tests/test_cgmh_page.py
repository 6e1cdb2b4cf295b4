"""The page in Chinese, from top to bottom: each of its `bash` blocks is run, on fewer films and steps.

What the reader has to bring is made of the phantoms that the page begins with: tables of one's own beside a
folder of films, the edited prompt pack (the page's own snippet), and one film.
"""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.test_docs import ROOT, blocks, commands

PAGE = ROOT / "docs" / "cgmh.zh-TW.md"
SMALLER = {"--studies": "80", "--size": "96"}


@pytest.mark.slow
def test_the_page_can_be_walked(tmp_path: Path) -> None:
    for language, text in blocks(PAGE):
        if language == "yaml":
            edit_pack(tmp_path / "ours.yaml", text)
        elif language == "python":
            run([sys.executable, "-c", text], tmp_path)
        for line in commands(text) if language == "bash" else []:
            if "prepare cgmh tables" in line:
                write_own_tables(tmp_path)
            if "film.jpg" in line:
                shutil.copy(next((tmp_path / "raw" / "images").iterdir()), tmp_path / "film.jpg")
            run([sys.executable, "-m", "plainfilm", *smaller(shlex.split(line)[1:])], tmp_path)
    assert_what_the_page_promises(tmp_path)


def smaller(words: list[str]) -> list[str]:
    """The command with less to do; nothing else of it is changed."""
    words = [SMALLER.get(before, word) for before, word in zip(["", *words], words, strict=False)]
    return [*words, "training.epochs=1", "training.batch_size=8"] if words[0] == "train" else words


def run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{shlex.join(command)}\n{done.stdout}\n{done.stderr}"


def write_own_tables(folder: Path) -> None:
    """The phantoms' tables as a site's own: films in another folder, the patient's number in their names."""
    for name in ("tables", "jpg"):
        (folder / name).mkdir()
    for place, table in enumerate(sorted((folder / "raw").glob("*.csv"))):
        with table.open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        for number, row in enumerate(rows):
            films = re.findall(r"'([^']+)'", row["image"])
            names = [f"p{place}{number // 2:04d}_{Path(film).name}" for film in films]
            for film, name in zip(films, names, strict=True):
                shutil.copy(folder / "raw" / film, folder / "jpg" / name)
            row["image"] = str(names)
        with (folder / "tables" / table.name).open("w", encoding="utf-8-sig", newline="") as stream:
            writer = csv.DictWriter(stream, rows[0])
            writer.writeheader()
            writer.writerows(rows)


def edit_pack(pack: Path, snippet: str) -> None:
    """What the page says to change in the copied pack."""
    document = yaml.safe_load(pack.read_text("utf-8"))
    changed = yaml.safe_load(snippet)["observations"]
    malposition = document["observations"]["Pigtail malpositon"]
    malposition["words"] = changed["Pigtail in place"]["words"]
    document["observations"] |= changed
    document["version"] += 1
    pack.write_text(yaml.safe_dump(document, allow_unicode=True, sort_keys=False), "utf-8")


def assert_what_the_page_promises(folder: Path) -> None:
    metrics = json.loads((folder / "results" / "results.json").read_text("utf-8"))["metrics"]
    scored = [metric for metric in metrics if metric["name"].startswith("combined/auroc/")]
    assert len({metric["name"] for metric in scored}) >= 13
    with (folder / "findings.csv").open(encoding="utf-8") as stream:
        found = list(csv.DictReader(stream))
    assert len(found) == 13 * len(list((folder / "raw" / "images").iterdir()))
    with (folder / "findings-zh.csv").open(encoding="utf-8") as stream:
        assert len(list(csv.DictReader(stream))) == 13
