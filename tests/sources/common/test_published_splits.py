from __future__ import annotations

import pandas as pd
import pytest

from plainfilm.sources.common.published_splits import gloria_split, permuted, train_test_split

ITEMS = [f"film{number:05d}" for number in range(997)]


def test_a_permutation_as_pandas_samples() -> None:
    frame = pd.DataFrame({"film": ITEMS}).sample(frac=1, random_state=12345)
    assert permuted(ITEMS, 12345) == frame["film"].tolist()


@pytest.mark.parametrize("share", [0.2, 0.3, 0.5])
@pytest.mark.parametrize("count", [7, 10, 997])
def test_a_split_as_scikit_learn_draws_it(share: float, count: int) -> None:
    model_selection = pytest.importorskip("sklearn.model_selection")
    expected = model_selection.train_test_split(ITEMS[:count], test_size=share, random_state=0)
    assert list(train_test_split(ITEMS[:count], share, 0)) == [list(part) for part in expected]


def test_the_split_of_gloria_has_its_published_sizes() -> None:
    """26,684 films: 18,678 for training, 4,003 for validation and 4,003 for the test."""
    parts = gloria_split([str(number) for number in range(26_684)])
    assert [len(part) for part in parts] == [18_678, 4_003, 4_003]
    assert len(set().union(*parts)) == 26_684


def test_of_an_odd_rest_validation_is_the_larger_half() -> None:
    train, validation, test = gloria_split(ITEMS[:10])
    assert (len(train), len(validation), len(test)) == (7, 2, 1)
