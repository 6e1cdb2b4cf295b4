"""Loading an epoch of training from decoded pixels and from the stored JPEGs.

    python benchmarks/epoch.py [--studies 600] [--rounds 3]

A collection of phantoms at 512 px, squares of 224 px cropped at random as the recipes do, texts drawn; every
item of an epoch is made once, by one thread. "cache" maps the films decoded at 256 px (the recipes' setting),
"cache 512" those of the size they are stored in, "files" decodes each film (`data.cache=null`). The ways take
turns, the fastest round counts; CPU time. Building the cache is timed too: it is paid once.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.dataset import Dataset, ItemNeeds
from plainfilm.batches.loader import epoch_order
from plainfilm.batches.pixel_cache import ImageFiles, PixelSource, open_or_build
from plainfilm.batches.rows import build_rows
from plainfilm.collection import Collection, prepare
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.text.tokenizers import Tokenizer

SIZE, STORED, CACHED = 224, 512, 256


def collection_of(root: Path, studies: int) -> Collection:
    """Phantoms prepared at 512 px."""
    from plainfilm import phantom

    phantom.write("mimic_cxr", root / "raw", studies=studies, size=640)
    return prepare("mimic_cxr", root / "raw", root / "films", size=STORED)


def epoch(collection: Collection, pixels: PixelSource, number: int) -> tuple[int, float]:
    """Items of an epoch, and the seconds of one core that they took."""
    config = DataConfig(sentences=1)
    rows = build_rows([collection], "train", config)
    data = Dataset(rows, [collection], [pixels], config, Preprocessing(size=SIZE, channels=1), seed=1)
    tokenizer = Tokenizer.train(["Texts are read here, and not encoded."], 300)
    readers = data.readers(ItemNeeds(targets=("text",)), {"text": tokenizer})
    begun = time.process_time()
    for index in epoch_order(len(data), 1, number):
        data.item(int(index), number, readers)
    return len(data), time.process_time() - begun


def main() -> None:
    """Reads the arguments, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--studies", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        collection = collection_of(Path(name), given.studies)
        begun = time.process_time()
        cache = open_or_build(collection, CACHED, [Path(name, "cache")])
        built = time.process_time() - begun
        ways: dict[str, Callable[[], PixelSource]] = {
            "cache": lambda: cache,
            "cache 512": lambda: open_or_build(collection, STORED, [Path(name, "cache")]),
            "files": lambda: ImageFiles(collection),
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(given.rounds):
            for way, source in ways.items():
                items, seconds = epoch(collection, source(), number)
                times[way].append(seconds)
        best = {way: min(found) for way, found in times.items()}
        for way, seconds in best.items():
            print(
                f"{way:10} {1000 * seconds / items:6.2f} ms an item, "
                f"{best['files'] / seconds:.2f} times as fast as decoding"
            )
        print(f"building the cache: {1000 * built / len(collection.table('images')):.2f} ms a film, once")


if __name__ == "__main__":
    main()
