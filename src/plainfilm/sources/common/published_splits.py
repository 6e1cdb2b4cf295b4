"""Published splits that were drawn at random by scikit-learn or pandas, drawn again without them.

Both draw a permutation from NumPy's legacy generator, whose stream NumPy has frozen (NEP 19), so a published
split follows from the order of the items, the share and the seed, on every machine and in every version.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def permuted(items: Sequence[str], seed: int) -> list[str]:
    """`pandas.DataFrame.sample(frac=1, random_state=seed)` of rows in this order."""
    return [items[place] for place in np.random.RandomState(seed).permutation(len(items))]


def train_test_split(items: Sequence[str], test_share: float, seed: int) -> tuple[list[str], list[str]]:
    """`sklearn.model_selection.train_test_split(items, test_size=test_share, random_state=seed)`.

    The share of the test part is rounded up, and the test part comes first in the permutation.
    """
    shuffled = permuted(items, seed)
    test = math.ceil(test_share * len(items))
    return shuffled[test:], shuffled[:test]


def gloria_split(items: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """The train, validation and test part (70, 15 and 15 %) that GLoRIA draws of items in this order.

    Huang et al., "GLoRIA", ICCV 2021. It halves what it held out with the halves named the other way round
    than one would expect: the larger one is validation.
    """
    train, rest = train_test_split(items, 0.15 * 2, 0)
    test, validation = train_test_split(rest, 0.5, 0)
    return train, validation, test
