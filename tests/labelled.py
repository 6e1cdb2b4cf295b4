"""A small labelled collection whose labels can be seen: for tests of classifiers."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from PIL import Image

from plainfilm.collection import Collection, prepare
from plainfilm.seeding import generator

OBSERVATIONS = ("Bright", "Line", "Rare", "Unsure")
"""A bright square, a line, a bright corner (one training patient has it), and states of every kind."""
SPLITS = ("train", "train", "train", "validation", "test")


def draw_film(number: int, bright: bool, line: bool, rare: bool) -> np.ndarray:
    """A (72, 64) film with what is asked for."""
    film = generator("labelled film", number).normal(60, 12, (72, 64))
    if bright:
        film[20:44, 8:28] += 110
    if line:
        film[50:55, 6:58] += 130
    if rare:
        film[4:12, 44:60] += 120
    return np.clip(film, 0, 255).astype(np.uint8)


def write_labelled(folder: Path, patients: int = 60) -> Path:
    """A raw table of two studies per patient with a column for each observation; returns the CSV."""
    (folder / "films").mkdir(parents=True)
    rows = [["path", "study_id", "patient_id", "view", "split", *OBSERVATIONS]]
    for number in range(2 * patients):
        patient = number // 2
        bright, line, rare = patient % 2 == 0, patient % 3 == 0, patient in (6, 8, 9)
        film = draw_film(number, bright, line, rare)
        Image.fromarray(film).save(folder / "films" / f"{number}.png")
        states = [int(bright), int(line), int(rare), ("1", "0", "-1", "")[patient // 5 % 4]]
        rows.append(
            [f"films/{number}.png", f"s{number}", f"p{patient}", "PA", SPLITS[patient % 5], *map(str, states)]
        )
    with (folder / "table.csv").open("w", newline="") as opened:
        csv.writer(opened).writerows(rows)
    return folder / "table.csv"


def labelled_collection(root: Path, patients: int = 60) -> Collection:
    """120 studies of 60 patients: 72 to train on, 24 to validate on, 24 to test on."""
    table = write_labelled(root / "raw", patients)
    columns = {
        "image": "path",
        "study": "study_id",
        "patient": "patient_id",
        "view": "view",
        "split": "split",
    }
    columns["labels"] = ",".join(OBSERVATIONS)
    return prepare("table", table, root / "collection", size=64, workers=1, options={"columns": columns})
