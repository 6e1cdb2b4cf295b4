"""A small collection with awkward studies: laterals, no text, numbers only, two films."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

from plainfilm.collection import Collection, prepare
from plainfilm.seeding import generator

# study, view, split, report
ROWS = (
    (
        "s0",
        "PA",
        "train",
        "FINDINGS: The lungs are clear. Heart size is normal. No effusion.\nIMPRESSION: Normal.",
    ),
    ("s0", "LATERAL", "train", ""),
    ("s1", "AP", "train", "FINDINGS: Small left effusion. 12.5 XXXX. Rib fracture."),
    ("s2", "LATERAL", "train", "IMPRESSION: Clear lungs."),
    ("s3", "PA", "train", ""),
    ("s4", "PA", "validation", "FINDINGS: Large opacity. Tube in place.\nIMPRESSION: Pneumonia."),
    ("s5", "PA", "train", "IMPRESSION: 1. 2. XXXX."),
    ("s6", "PA", "train", "IMPRESSION: Edema. Effusion. Cardiomegaly. Devices in place."),
)


@pytest.fixture(scope="session")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """Seven studies, films of 60 x 40 pixels and one of 40 x 80."""
    root = tmp_path_factory.mktemp("studies")
    (root / "raw").mkdir()
    rows = [["path", "report", "study_id", "patient_id", "view", "split"]]
    for number, (study, view, split, report) in enumerate(ROWS):
        shape = (80, 40) if study == "s6" else (40, 60)
        pixels = generator("film", number).integers(0, 255, shape, dtype=np.uint8)
        Image.fromarray(pixels).save(root / "raw" / f"{number}.png")
        rows.append([f"{number}.png", report, study, f"p{study}", view, split])
    with (root / "raw" / "films.csv").open("w", newline="") as opened:
        csv.writer(opened).writerows(rows)
    return prepare("table", root / "raw" / "films.csv", root / "collection", size=40, workers=1)
