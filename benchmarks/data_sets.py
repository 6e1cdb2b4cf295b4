"""Films a second from Python's data sets and from the trainer's own loader.

    python benchmarks/data_sets.py [--studies 400] [--rounds 5] [--workers 2]

A collection of phantoms at 512 px, squares of 224 px from films decoded at 256 px, in batches of 32.
"DataLoader" is PyTorch's over `plainfilm.open(...).films(size=224, cache=256)` with worker processes;
"trainer" the loader of training with as many threads, with one sentence a film and random crops as the
recipes have them, and "trainer, plain" the same without augmentation, which is what the data set does. The
ways take turns; each round is an epoch, timed from its second batch on, when all workers work; medians on
the clock.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from torch.utils.data import DataLoader

import plainfilm
from plainfilm.batches.collate import Collate
from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.dataset import Dataset, ItemNeeds
from plainfilm.batches.loader import Loader
from plainfilm.batches.pixel_cache import open_or_build
from plainfilm.batches.rows import build_rows
from plainfilm.collection import Collection, prepare
from plainfilm.datasets import collate
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.text.tokenizers import Tokenizer

SIZE, STORED, CACHED, BATCH = 224, 512, 256, 32
Epoch = Callable[[int], Iterator[int]]
"""The numbers of films in the batches of an epoch."""


def collection_of(root: Path, studies: int) -> Collection:
    """Phantoms prepared at 512 px, labelled, with a cache of decoded films."""
    from plainfilm import phantom
    from plainfilm.collection.label import label_collection

    phantom.write("mimic_cxr", root / "raw", studies=studies, size=640)
    made = prepare("mimic_cxr", root / "raw", root / "films", size=STORED)
    label_collection(made)
    made = Collection.open(made.path)
    open_or_build(made, CACHED, [made.path / "cache"])
    return made


def of_data_sets(collection: Collection, workers: int) -> Epoch:
    """PyTorch's loader over the films of the training split."""
    films = plainfilm.open(collection.path).films(split="train", size=SIZE, cache=CACHED)
    loader = DataLoader(
        films,
        batch_size=BATCH,
        shuffle=True,
        num_workers=workers,
        collate_fn=collate,
        persistent_workers=workers > 0,
    )
    return lambda number: (len(batch["pixels"]) for batch in loader)


def of_trainer(collection: Collection, workers: int, augment: bool) -> Epoch:
    """The loader of training."""
    config = DataConfig(sentences=1, augment=augment)
    rows = build_rows([collection], "train", config)
    pixels = [open_or_build(collection, CACHED, [collection.path / "cache"])]
    preprocessing = Preprocessing(size=SIZE, channels=1)
    data = Dataset(rows, [collection], pixels, config, preprocessing, seed=1)
    tokenizer = Tokenizer.train(collection.table("sentences")["text"].to_pylist(), 1000)
    needs = ItemNeeds(targets=("text",))
    readers = data.readers(needs, {"text": tokenizer})
    loader = Loader(data, Collate(preprocessing, readers), BATCH, seed=1, workers=workers, needs=needs)
    return lambda number: (len(batch) for batch in loader.epoch(number))


def speed(epoch: Epoch, number: int) -> float:
    """Films a second from the second batch on, when all workers are at work."""
    batches = epoch(number)
    next(batches)
    began = time.perf_counter()
    films = sum(batches)
    return films / (time.perf_counter() - began)


def main() -> None:
    """Reads the arguments, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--studies", type=int, default=400)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        collection = collection_of(Path(name), given.studies)
        ways = {
            "trainer": of_trainer(collection, given.workers, augment=True),
            "trainer, plain": of_trainer(collection, given.workers, augment=False),
            "DataLoader": of_data_sets(collection, given.workers),
        }
        found: dict[str, list[float]] = {way: [] for way in ways}
        for number in range(given.rounds):
            for way, epoch in ways.items():
                found[way].append(speed(epoch, number))
        medians = {way: statistics.median(values) for way, values in found.items()}
        for way, value in medians.items():
            spread = f"{min(found[way]):.0f} to {max(found[way]):.0f}"
            against = value / medians["trainer"]
            print(f"{way:15} {value:6.0f} films a second ({spread}), {against:.2f} times the trainer's")


if __name__ == "__main__":
    main()
