"""Films of noise for the examples of sources whose corpora have no phantoms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from plainfilm.seeding import generator


def write_example_film(path: Path, width: int = 64, height: int = 72) -> None:
    """A grey film of noise that follows from its name alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = generator("example film", path.name).integers(0, 255, (height, width), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
