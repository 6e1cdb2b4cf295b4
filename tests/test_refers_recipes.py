"""The four sets that REFERS is fine-tuned on, from their raw layouts to a summary, by the shipped recipes."""

from __future__ import annotations

import csv
import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from plainfilm.cli import main
from tests.checkpoints import published_refers as published

SETS = {
    "refers-shenzhen": ("shenzhen_tb", 60, 12),
    "refers-nih14": ("nih14", 60, 5),
    "refers-vinbigdata": ("vinbigdata", 60, 5),
}
"""The layout of each, and of how many studies and by which seed phantoms of it hold both classes."""

SHORT = (
    *("training.max_steps=3", "training.warmup_steps=1", "training.batch_size=8", "validation.every=3"),
    *("training.precision=fp32", "data.cache=64"),
)


@pytest.fixture(scope="module")
def google(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small vision transformer, imported as Google publishes its own, for films as they are fine-tuned."""
    folder = tmp_path_factory.mktemp("google")
    arrays = published.jax_arrays(published.drawn(published.image_shapes()))
    np.savez(folder / "small.npz", **arrays)
    given = ["import", "refers", str(folder / "small.npz"), "--out", str(folder / "vit")]
    assert main.run([*given, "preprocessing=finetuning"]) == 0
    return folder / "vit"


def phantoms(layout: str, studies: int, seed: int, raw: Path) -> Path:
    made = ["--studies", str(studies), "--seed", str(seed), "--size", "72", "--out", str(raw)]
    assert main.run(["phantom", layout, *made]) == 0
    return raw


def prepared(layout: str, raw: Path, out: Path, *options: str) -> Path:
    assert main.run(["prepare", layout, str(raw), "--out", str(out), "--size", "64", *options]) == 0
    return out


def finetuned(recipe: str, model: Path, data: Path, out: Path, *more: str) -> dict[str, object]:
    given = ["finetune", recipe, "--init", str(model), "--data", str(data), "--out", str(out)]
    assert main.run([*given, "--fractions", "0.5,1", *SHORT, *more]) == 0
    return json.loads((out / "summary.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("recipe", SETS)
def test_a_set_is_fine_tuned_from_its_raw_layout(recipe: str, google: Path, tmp_path: Path) -> None:
    layout, studies, seed = SETS[recipe]
    data = prepared(layout, phantoms(layout, studies, seed, tmp_path / "raw"), tmp_path / "data")
    summary = finetuned(recipe, google, data, tmp_path / "run")
    assert [one["fraction"] for one in summary["fractions"]] == [0.5, 1.0]
    assert summary["recipe"]["training"]["optimizer"] == "sgd"


def published_lists(raw: Path, folder: Path) -> Path:
    """Lists as REFERS publishes them, whole patients dealt out in turn within each finding."""
    with (raw / "metadata.csv").open(newline="") as table:
        films = [row for row in csv.DictReader(table) if row["modality"] == "X-ray"]
    splits: dict[str, str] = {}
    for finding in sorted({row["finding"] for row in films}):
        new = dict.fromkeys(row["patientid"] for row in films if row["finding"] == finding)
        turns = itertools.cycle(("train", "val", "train", "test"))
        splits |= {patient: next(turns) for patient in new if patient not in splits}
    folder.mkdir()
    for split in ("train", "val", "test"):
        rows = [row for row in films if splits[row["patientid"]] == split]
        lines = [f"{row['filename']} {'0 1' if 'COVID' in row['finding'] else '1 0'}\r\n" for row in rows]
        (folder / f"{split}.txt").write_bytes("".join(lines).encode())
    return folder


@pytest.mark.slow
def test_both_tasks_of_the_covid_films_are_fine_tuned(google: Path, tmp_path: Path) -> None:
    raw = phantoms("covid19_idc", 140, 5, tmp_path / "raw")
    lists = published_lists(raw, tmp_path / "lists")
    data = prepared("covid19_idc", raw, tmp_path / "data", "--option", f"splits={lists}")
    choices = (
        "data.observations=[Bacterial]",
        "data.fraction_seed=0",
        "data.label_origin=[covid19_idc/refers]",
    )
    kinds, covid, listed = (
        finetuned("refers-covid19", google, data, tmp_path / name, "validation.metric=loss", choice)
        for name, choice in zip(("kinds", "found", "listed"), choices, strict=True)
    )
    films = [summary["runs"][1]["films"] for summary in (kinds, covid, listed)]
    assert (
        0 < films[0] < films[1] == films[2]
    )  # where the table says "todo", the lists' label is all there is


REAL = {
    "COVID-19": ("covid-chestxray-dataset", "COVID-19"),
    "Bacterial Pneumonia": ("kermany-pediatric", "Pneumonia"),
}
"""What is asked of the real films of a source, whose labels have this word."""


@pytest.mark.slow
@pytest.mark.parametrize("observation", REAL)
def test_real_films_are_fine_tuned(observation: str, google: Path, real_data: Path, tmp_path: Path) -> None:
    source, word = REAL[observation]
    with (real_data / "metadata.csv").open(newline="") as table:
        rows = [row for row in csv.DictReader(table) if row["source"] == source and row["labels"]]
    if source.startswith("kermany"):
        rows = [row for row in rows if word in row["labels"]]
    with (tmp_path / "films.csv").open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["image", "patient", observation])
        for row in rows:
            state = int(observation in row["labels"].split("|"))
            writer.writerow([real_data / row["image"], row["patient_id"], state])
    columns = (f"labels={observation}", "image=image", "patient=patient")
    options = [word for column in columns for word in ("--column", column)]
    given = ["prepare", "table", str(tmp_path / "films.csv"), "--out", str(tmp_path / "data"), "--size", "64"]
    assert main.run([*given, *options]) == 0
    more = ("validation.metric=loss", f"data.observations=[{observation}]")
    summary = finetuned("refers-covid19", google, tmp_path / "data", tmp_path / "run", *more)
    assert all(0 < one["mean"] < 1 for one in summary["fractions"])
