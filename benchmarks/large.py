"""A collection of MIMIC-CXR's size from tables without pixels: prepared, opened, counted and audited.

    python benchmarks/large.py [--studies 227835] [--folder FOLDER]

Writes metadata, split and label tables of MIMIC-CXR-JPG's form with random content for 377,110 images, then
runs the commands as a person would and prints seconds and peak memory of each, its processes included.
"""

from __future__ import annotations

import argparse
import gzip
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

IMAGES_PER_STUDY = 377_110 / 227_835
STUDIES_PER_PATIENT = 227_835 / 65_379
OBSERVATIONS = [
    *("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Enlarged Cardiomediastinum", "Fracture"),
    *("Lung Lesion", "Lung Opacity", "No Finding", "Pleural Effusion", "Pleural Other", "Pneumonia"),
    *("Pneumothorax", "Support Devices"),
]


def write_tables(folder: Path, studies: int) -> int:
    """The tables of a corpus of so many studies; returns how many images it has."""
    rng = np.random.default_rng(0)
    patient = 10_000_000 + np.sort(rng.integers(0, int(studies / STUDIES_PER_PATIENT), studies))
    study = 50_000_000 + rng.permutation(studies)
    films = rng.choice([1, 2, 3], studies, p=[0.44, 0.46, 0.10])
    films[: max(0, round(studies * IMAGES_PER_STUDY) - films.sum())] += 1
    row = np.repeat(np.arange(studies), films)
    split = np.where(patient % 50 == 0, "test", np.where(patient % 97 == 0, "validate", "train"))
    words = rng.integers(0, 1 << 32, (len(row), 5), dtype=np.uint64)
    names = ["-".join(f"{word:08x}" for word in group) for group in words.tolist()]
    keys = {"dicom_id": names, "subject_id": patient[row], "study_id": study[row]}
    views = rng.choice(["PA", "AP", "LATERAL", "LL", ""], len(row), p=[0.26, 0.39, 0.22, 0.09, 0.04])
    begin = np.datetime64("2110-01-01")
    days = np.datetime_as_string(begin + rng.integers(0, 32_000, studies)).astype(object)
    metadata = {
        "ViewPosition": views,
        "Rows": 3056,
        "Columns": 2544,
        "StudyDate": [day.replace("-", "") for day in days[row]],
        "StudyTime": 0,
    }
    write(folder / "mimic-cxr-2.0.0-metadata.csv.gz", pd.DataFrame(keys | metadata))
    write(folder / "mimic-cxr-2.0.0-split.csv.gz", pd.DataFrame(keys | {"split": split[row]}))
    for labeller in ("chexpert", "negbio"):
        states = rng.choice(["1.0", "0.0", "-1.0", ""], (studies, 14), p=[0.15, 0.06, 0.03, 0.76])
        table = pd.DataFrame(states, columns=OBSERVATIONS)
        table.insert(0, "study_id", study)
        table.insert(0, "subject_id", patient)
        write(folder / f"mimic-cxr-2.0.0-{labeller}.csv.gz", table)
    return len(row)


def write(path: Path, table: pd.DataFrame) -> None:
    """A table as csv.gz."""
    path.write_bytes(gzip.compress(table.to_csv(index=False).encode(), 1))


def measured(*arguments: object) -> tuple[float, float, float]:
    """Runs a command: seconds, seconds of processor, and the peak memory of all its processes in GB."""
    began = time.monotonic()
    command = [sys.executable, "-m", "plainfilm", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, memory(process.pid))
        time.sleep(0.2)
    used = os.times()
    if process.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)}: exit status {process.returncode}")
    return time.monotonic() - began, used.children_user + used.children_system, peak


def memory(group: int) -> float:
    """Proportional memory of the processes of a session, in GB: what they share is counted once."""
    total = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if os.getsid(int(folder.name)) == group:
                lines = (folder / "smaps_rollup").read_text().splitlines()
                total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        except (OSError, StopIteration):
            continue
    return total / 1e6


def main() -> None:
    """Writes, runs and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=227_835)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        raw, out = Path(folder) / "raw", Path(folder) / "films"
        raw.mkdir()
        images = write_tables(raw, chosen.studies)
        print(f"{chosen.studies:,} studies, {images:,} images")
        before = 0.0
        for name, arguments in (
            ("prepare --tables-only", ("prepare", "mimic_cxr", raw, "--out", out, "--tables-only")),
            ("info", ("info", out, "--json")),
            ("audit", ("audit", out, "--json")),
        ):
            seconds, processor, peak = measured(*arguments)
            print(f"{name}: {seconds:.1f} s ({processor - before:.1f} s of processor), {peak:.2f} GB")
            before = processor


if __name__ == "__main__":
    main()
