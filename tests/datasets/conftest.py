"""A collection of one film with a bright rectangle, and a box around it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plainfilm.collection import prepare
from plainfilm.datasets import OpenCollection, open_collection

BRIGHT = (60, 100, 110, 180)
"""x0, y0, x1, y1 on a film of 200 x 300."""


@pytest.fixture(scope="session")
def boxed(tmp_path_factory: pytest.TempPathFactory) -> OpenCollection:
    root: Path = tmp_path_factory.mktemp("boxed")
    pixels = np.random.default_rng(0).integers(0, 60, (300, 200), dtype=np.uint8)
    x0, y0, x1, y1 = BRIGHT
    pixels[y0:y1, x0:x1] = 250
    (root / "raw").mkdir()
    Image.fromarray(pixels).save(root / "raw" / "1.png")
    document = {
        "images": [{"id": 1, "file_name": "1.png", "width": 200, "height": 300}],
        "categories": [{"id": 1, "name": "Nodule"}, {"id": 2, "name": "Mass"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [x0, y0, x1 - x0, y1 - y0]},
            {"id": 2, "image_id": 1, "category_id": 2, "bbox": [0, 0, 20, 20]},
        ],
    }
    (root / "raw" / "train.json").write_text(json.dumps(document))
    prepare("coco", root / "raw", root / "films", size=200, workers=1)
    return open_collection(root / "films")
