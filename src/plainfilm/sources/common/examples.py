"""The examples of sources: phantom studies where there is a layout, films of noise where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from plainfilm.seeding import generator


def phantom_example(layout: str, root: Path, *, studies: int = 6, size: int = 96) -> Path:
    """A few phantom studies in a layout; returns `root`."""
    from plainfilm import phantom  # compiles its kernels, which readers need not wait for

    phantom.write(layout, root, studies=studies, size=size, workers=1)
    return root


def write_example_film(path: Path, width: int = 64, height: int = 72) -> None:
    """A grey film of noise that follows from its name alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = generator("example film", path.name).integers(0, 255, (height, width), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
