"""Finds near-duplicates among a million films, and compares with looking at every pair.

    python benchmarks/near_duplicates.py [--films 1000000]

Hashes are drawn with the spread and the dependence between bits that hashes of phantom films have; a thousand
copies that differ in up to 23 bits are planted and must all be found. Looking at every pair is faiss's exact
binary index, timed on some of the films and extrapolated.
"""

from __future__ import annotations

import argparse
import os
import time

import faiss
import numpy as np

from plainfilm import phantom
from plainfilm.collection.near_duplicates import RADIUS, near_duplicate_pairs
from plainfilm.image_analysis.perceptual_hash import BITS, spectrum

LEARNT_FROM, PLANTED, QUERIES = 600, 1000, 2000


def hashes(films: int) -> np.ndarray:
    """Packed hashes (N, 32) whose bits depend on each other as those of phantom films do."""
    views = ("PA", "AP", "AP_SUPINE", "LATERAL")
    waves = np.array(
        [spectrum(phantom.render(views[seed % 4], seed=seed, size=96)) for seed in range(LEARNT_FROM)]
    )
    mean, spread = waves.mean(axis=0), np.linalg.cholesky(np.cov(waves.T) + 1e-3 * np.eye(BITS))
    rng = np.random.default_rng(0)
    blocks = []
    for start in range(0, films, 50_000):
        drawn = rng.standard_normal((min(50_000, films - start), BITS)) @ spread.T + mean
        blocks.append(np.packbits(drawn > np.median(drawn, axis=1, keepdims=True), axis=1))
    return np.concatenate(blocks)


def plant(packed: np.ndarray) -> set[tuple[int, int]]:
    """Makes some films copies of others; returns which."""
    rng = np.random.default_rng(1)
    originals = rng.choice(len(packed) // 2, PLANTED, replace=False)
    copies = len(packed) // 2 + rng.choice(len(packed) // 2, PLANTED, replace=False)
    for original, copy in zip(originals, copies, strict=True):
        bits = np.unpackbits(packed[original])
        bits[rng.choice(BITS, rng.integers(0, RADIUS + 1), replace=False)] ^= 1
        packed[copy] = np.packbits(bits)
    return set(zip(originals.tolist(), copies.tolist(), strict=True))


def main() -> None:
    """Draws, searches and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=1_000_000)
    films = parser.parse_args().films
    packed = hashes(films)
    planted = plant(packed)
    began, used = time.monotonic(), os.times()
    found = near_duplicate_pairs(packed)
    ours, processor = time.monotonic() - began, sum(os.times()[:2]) - sum(used[:2])
    missed = planted - {(int(one), int(other)) for one, other, _ in found}
    print(f"{films:,} films: {ours:.0f} s ({processor:.0f} s of processor)")
    print(f"{len(found)} pairs found, {len(missed)} missed")
    index = faiss.IndexBinaryFlat(BITS)
    index.add(packed)
    began = time.monotonic()
    index.range_search(packed[:QUERIES], RADIUS + 1)
    every = (time.monotonic() - began) * films / QUERIES / 2
    print(f"every pair (faiss, from {QUERIES} films): {every:.0f} s, {every / ours:.1f} times as long")


if __name__ == "__main__":
    main()
