"""Random generators that are passed explicitly; Plainfilm uses no global seed."""

from __future__ import annotations

import hashlib

import numpy as np


def stable_hash(*parts: object, bits: int = 63) -> int:
    """A non-negative integer below 2**bits from `parts`, the same on every machine and run."""
    text = "\x1f".join(str(part) for part in parts)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> (64 - bits)


def generator(*parts: object) -> np.random.Generator:
    """A NumPy generator that depends on `parts` only (a seed, an epoch, an id, a purpose).

    >>> bool(generator(0, "crop", 7).random() == generator(0, "crop", 7).random())
    True
    """
    return np.random.default_rng(stable_hash(*parts))
