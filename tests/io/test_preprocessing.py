from __future__ import annotations

import pytest

from plainfilm.config import build
from plainfilm.errors import ConfigError
from plainfilm.io.preprocessing import Preprocessing


def test_one_channel_takes_the_average_of_the_colours() -> None:
    assert Preprocessing(channels=1, mean=(0.3, 0.4, 0.5)).channel_mean == pytest.approx((0.4,))
    assert Preprocessing(channels=1, std=(0.1, 0.2, 0.6)).channel_std == pytest.approx((0.3,))


def test_three_channels_keep_theirs() -> None:
    assert Preprocessing().channel_mean == (0.485, 0.456, 0.406)
    assert len(Preprocessing().channel_std) == 3


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"channels": 2}, "'channels' is 2"),
        ({"sise": 224}, "unknown key 'sise': did you mean 'size'"),
        ({"fit": "stretch"}, "'fit' is 'stretch'"),
        ({"std": (0.1, 0.0, 0.1)}, "must be above 0"),
        ({"size": 0}, "'size' is 0"),
    ],
)
def test_bad_values(values: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(Preprocessing, values, "recipe")
