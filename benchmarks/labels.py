"""Reads the labels of a collection as large as MIMIC-CXR, and compares with pandas.

    python benchmarks/labels.py [--images 377110] [--rounds 2]

A table of 14 observations from two origins for every study, of one origin for every image, and of
sentences that no image needs. Ours is `collection.labels`; the usual way merges frames: the strongest row of
each target, then the image's own before its study's. Both are timed in turn, each in a process of its own,
from the table in memory to a matrix of states; the matrices must be the same.
"""

from __future__ import annotations

import argparse
import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from in_turns import Step, measure

from plainfilm.collection import Collection
from plainfilm.collection.labels import LabelReader
from plainfilm.labelling.vocabularies import CHEXPERT_OBSERVATIONS

PER_STUDY, STATED = 1.66, 0.3
"""Images of a study, and the share of observations that a row states, as in MIMIC-CXR."""


def made(images: int) -> Collection:
    """A collection of tables in memory."""
    rng = np.random.default_rng(0)
    studies = round(images / PER_STUDY)
    study_of = np.sort(rng.integers(0, studies, images))
    names = np.array([f"s{number:08d}" for number in range(studies)])
    films = np.array([f"{number:032x}" for number in range(images)])
    parts = [
        _labels(rng, target, ids, origin)
        for target, ids, origin in (
            ("study", names, "corpus/chexpert"),
            ("study", names, "corpus/negbio"),
            ("image", films, "corpus/chexpert"),
            ("sentence", np.array([f"{name}:{n}" for name in names for n in range(6)]), "corpus/chexpert"),
        )
    ]
    collection = Collection(Path(), {"tables": ["studies", "images", "labels"]})
    collection._tables = {
        "studies": pa.table({"study_id": names, "split": np.full(studies, "train")}),
        "images": pa.table({"image_id": films, "study_id": names[study_of]}),
        "labels": pa.concat_tables(parts),
    }
    return collection


def _labels(rng: np.random.Generator, target: str, ids: np.ndarray, origin: str) -> pa.Table:
    rows, columns = np.nonzero(rng.random((len(ids), len(CHEXPERT_OBSERVATIONS)), np.float32) < STATED)
    return pa.table(
        {
            "target": pa.array(np.full(len(rows), target)),
            "target_id": pa.array(ids).take(pa.array(rows)),
            "observation": pa.array(CHEXPERT_OBSERVATIONS).take(pa.array(columns)),
            "state": pa.array(rng.integers(-1, 2, len(rows)).astype(np.int8)),
            "origin": pa.array(np.full(len(rows), origin)),
        }
    )


def ours(images: int) -> tuple[Step, str]:
    """The reader."""
    collection = made(images)

    def step(number: int) -> float:
        reader = LabelReader(collection, ["corpus/chexpert"])
        return _digest(reader.images())

    return step, f"{len(collection.table('labels')):,} labels"


def merged(images: int) -> tuple[Step, str]:
    """The same with frames."""
    collection = made(images)

    def step(number: int) -> float:
        labels = collection.frame("labels")
        labels = labels[labels["origin"] == "corpus/chexpert"]
        labels = labels.assign(rank=labels["state"].map({1: 3, -1: 2, 0: 1}))
        films = collection.frame("images")
        found = []
        for target, column in (("image", "image_id"), ("study", "study_id")):
            own = labels[labels["target"] == target]
            table = own.pivot_table("rank", "target_id", "observation", "max")
            found.append(table.reindex(films[column]).to_numpy())
        rank = pd.DataFrame(np.where(np.isnan(found[0]), found[1], found[0])).fillna(0).to_numpy(np.int8)
        return _digest(np.array([-2, 0, -1, 1], np.int8)[rank])

    return step, "pandas"


def _digest(states: np.ndarray) -> float:
    return float(int(hashlib.sha256(np.ascontiguousarray(states).tobytes()).hexdigest()[:12], 16))


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=377_110)
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    few = (way(5000)[0](0) for way in (ours, merged))
    assert next(few) == next(few), "the two ways read other states"
    ways = {"ours": partial(ours, given.images), "pandas": partial(merged, given.images)}
    found = measure(ways, given.rounds)
    for name, one in found.items():
        seconds = sorted(one.seconds)[len(one.seconds) // 2]
        print(f"{name}: {seconds:.1f} s, peak {one.memory:.2f} GiB ({one.note})")
    ratio = min(found["pandas"].processor) / min(found["ours"].processor)
    print(f"{given.images:,} images: pandas takes {ratio:.1f} times as long on the processor")


if __name__ == "__main__":
    main()
