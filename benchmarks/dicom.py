"""Reading DICOM films of 12 in 16 bits to 512 px, against what decoding their pixels takes alone.

    python benchmarks/dicom.py [--rounds 7]

The film is a phantom enlarged to 2544 x 3056 with detector noise, written in every transfer syntax. "bare" is
pydicom's `dcmread(path).pixel_array`: the file is read and decoded, nothing else, with the decoder pydicom
takes by itself. "codec" is the same with the decoder that is fastest here. "ours" is `read_image(path, 512)`:
the header judged, LUTs and window, polarity and padding, exact means over areas. The ways take turns; the
median round counts, in CPU time of one core.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pydicom
from PIL import Image

from plainfilm.io.images import read_image
from plainfilm.io.processes import keep_memory
from plainfilm.phantom.dicom_files import Syntax, write_dicom
from plainfilm.seeding import generator

FULL_SIZE = (2544, 3056)
SIZE = 512
DECODERS = {"jpeg-ls": "pyjpegls", "jpeg 2000": "pillow"}


def film(root: Path) -> np.ndarray:
    """A film of full size with noise."""
    from plainfilm import phantom

    phantom.write("mimic_cxr", root / "phantom", studies=1, size=512)
    with Image.open(min((root / "phantom").rglob("*.jpg"))) as small:
        grey = np.asarray(small.convert("L").resize(FULL_SIZE, Image.Resampling.BICUBIC), np.float32)
    noise = generator("benchmark").normal(0.0, 3.0, grey.shape)
    return np.clip(grey + noise, 0, 255).astype(np.uint8)


def bare(path: Path) -> Any:
    """The stored values as pydicom gives them by itself."""
    return pydicom.dcmread(path).pixel_array


def codec(path: Path, plugin: str) -> Any:
    """The stored values by a decoder of our choice."""
    dataset = pydicom.dcmread(path)
    dataset.pixel_array_options(decoding_plugin=plugin)
    return dataset.pixel_array


def milliseconds(way: Callable[[], Any]) -> float:
    """CPU time of one call."""
    begun = time.process_time()
    way()
    return 1000 * (time.process_time() - begun)


def compare(path: Path, syntax: str, rounds: int) -> None:
    """The ways in turns, and their ratios."""
    plugin = DECODERS.get(syntax, "")
    ways: dict[str, Callable[[], Any]] = {
        "bare": lambda: bare(path),
        "codec": lambda: codec(path, plugin),
        "ours": lambda: read_image(path, SIZE),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            times[name].append(milliseconds(way))
    best = {name: statistics.median(found[1:]) for name, found in times.items()}
    megabytes = path.stat().st_size / 1e6
    print(
        f"{syntax:14} {megabytes:5.1f} MB  bare {best['bare']:7.1f}  codec {best['codec']:7.1f}  "
        f"ours {best['ours']:7.1f} ms  ours/bare {best['ours'] / best['bare']:.2f}  "
        f"ours/codec {best['ours'] / best['codec']:.2f}",
        flush=True,
    )


def main() -> None:
    """Reads the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    keep_memory()  # as in the processes that prepare a collection
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        pixels = film(root)
        for syntax in get_args(Syntax):
            path = root / f"{syntax.replace(' ', '-')}.dcm"
            write_dicom(path, pixels, bits_stored=12, syntax=syntax)
            compare(path, syntax, given.rounds)


if __name__ == "__main__":
    main()
