"""Exchanges the reports of the training studies at random, in the raw layout of MIMIC-CXR-JPG.

    python benchmarks/shuffled_reports.py RAW SHUFFLED --seed 0
    plainfilm prepare mimic_cxr SHUFFLED --out shuffled

A model that learns to write from such pairs knows how reports are worded and nothing of films. Films are
linked, not copied; label tables are left as they are and fit no longer.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd

SPLIT = "mimic-cxr-2.0.0-split.csv.gz"


def main() -> None:
    """Write the folder SHUFFLED."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("raw", type=Path)
    parser.add_argument("shuffled", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    split = pd.read_csv(options.raw / SPLIT, dtype=str).drop_duplicates("study_id")
    trained = split.loc[split["split"] == "train", ["subject_id", "study_id"]].to_numpy()
    reports = [f"files/p{patient[:2]}/p{patient}/s{study}.txt" for patient, study in trained]
    reports = sorted(one for one in reports if (options.raw / one).is_file())
    order = np.random.default_rng(options.seed).permutation(len(reports))
    source = dict(zip(reports, (reports[place] for place in order), strict=True))
    for file in sorted(path for path in options.raw.rglob("*") if path.is_file()):
        name = file.relative_to(options.raw).as_posix()
        target = options.shuffled / name
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link((options.raw / source.get(name, name)).resolve(), target)
    kept = int((order == np.arange(len(order))).sum())
    print(f"{options.shuffled}: {len(reports)} reports exchanged, of which {kept} stayed where they were")


if __name__ == "__main__":
    main()
