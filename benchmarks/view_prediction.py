"""Learns from phantoms which films are lateral, and measures it on real films whose view is published.

    python benchmarks/view_prediction.py [REAL_FILMS]

Writes the weights to `src/plainfilm/image_analysis/view_prediction.yaml`. REAL_FILMS is the folder of a pack
with `metadata.csv` (columns image, view_group, source).
"""

from __future__ import annotations

import csv
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from plainfilm import phantom
from plainfilm.image_analysis.perceptual_hash import spectrum
from plainfilm.image_analysis.view_prediction import WEIGHTS, contradiction, lateral_score
from plainfilm.io.images import read_image
from plainfilm.types import View

STUDIES, SEED, STRENGTH = 700, 3, 0.01


def learn() -> tuple[np.ndarray, float]:
    """Weights (256,) and the offset of a logistic regression on phantoms."""
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "raw"
        phantom.write("mimic_cxr", raw, studies=STUDIES, seed=SEED, size=160)
        films = pq.read_table(raw / "truth" / "films.parquet").to_pandas()
        paths = {path.stem: path for path in raw.rglob("*.jpg")}
        waves = np.array([spectrum(read_image(paths[film]).array) for film in films["film_id"]])
    model = LogisticRegression(C=STRENGTH, max_iter=5000, class_weight="balanced")
    model.fit(waves, films["view"] == "LATERAL")
    return model.coef_[0], float(model.intercept_[0])


def write(weights: np.ndarray, offset: float) -> None:
    """The weights as YAML, eight to a line."""
    lines = [
        f"# Written by benchmarks/view_prediction.py from {STUDIES} phantom studies (seed {SEED}).",
        f"offset: {offset:.4f}",
        "weights: [",
    ]
    for start in range(0, len(weights), 8):
        lines.append("  " + ", ".join(f"{weight:.4f}" for weight in weights[start : start + 8]) + ",")
    WEIGHTS.write_text("\n".join([*lines, "]"]) + "\n", encoding="utf-8")


def measure(pack: Path) -> None:
    """How well real films are told apart, by source."""
    with (pack / "metadata.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["view_group"]]
    waves = [spectrum(read_image(pack / row["image"]).array) for row in rows]
    scores = np.array([lateral_score(film) for film in waves])
    looks_lateral = np.array([contradiction(film, View.PA) is not None for film in waves])
    looks_frontal = np.array([contradiction(film, View.LATERAL) is not None for film in waves])
    lateral = np.array([row["view_group"] == "lateral" for row in rows])
    print(f"{len(rows)} real films, {lateral.sum()} lateral: AUROC {roc_auc_score(lateral, scores):.3f}")
    for source in sorted({row["source"] for row in rows}):
        own = np.array([row["source"] == source for row in rows])
        wrong, found = looks_lateral[own & ~lateral].sum(), looks_lateral[own & lateral].sum()
        missed = looks_frontal[own & lateral].sum()
        print(
            f"  {source}: {wrong} of {(own & ~lateral).sum()} frontal films look lateral; "
            f"of {(own & lateral).sum()} lateral films {found} look lateral, {missed} frontal"
        )


if __name__ == "__main__":
    write(*learn())
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
