from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

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
        ({"value_range": (1, 1)}, "black must be below white"),
        ({"resize": 200}, "resize 200 is below size 224"),
        ({"antialias": False}, "library pillow has no filter bilinear without antialias; it has area with"),
        ({"library": "torch", "filter": "lanczos"}, "library torch has no filter lanczos with antialias"),
        ({"library": "torch"}, "order at_once is for library pillow"),
        ({"second": {"library": "torch"}}, "order at_once is for library pillow and one resampling"),
        ({"rounded": False}, "library pillow always rounds"),
        ({"library": "opencv", "order": "resize_first"}, "library opencv has no filter bilinear with"),
    ],
)
def test_bad_values(values: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(Preprocessing, values, "recipe")


def test_what_is_not_said_is_as_it_always_was() -> None:
    stated = {"size": 224, "channels": 3, "mean": (0.5,) * 3, "std": (0.5,) * 3, "fit": "pad"}
    older = build(Preprocessing, stated, "config.json of an older model")
    assert (older.order, older.library, older.filter, older.side) == ("at_once", "pillow", "bilinear", 224)
    assert (older.value_range, older.stretch, older.second) == ((0.0, 1.0), False, None)


def test_a_square_that_is_resampled_twice_may_grow() -> None:
    assert Preprocessing(size=224, resize=128, order="resize_first", second={"filter": "bicubic"}).side == 128


PAGE = Path(__file__).resolve().parents[2] / "docs" / "pixels.md"
ROWS = re.findall(r"^\| [^|]* \| `(\{[^`]*\})`", PAGE.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_settings_of_published_code_that_the_page_lists_exist(row: str) -> None:
    build(Preprocessing, yaml.safe_load(row), "docs/pixels.md")


def test_the_page_lists_every_key() -> None:
    told = set(re.findall(r"`(\w+)`", PAGE.read_text("utf-8")))
    assert set(Preprocessing.model_fields) <= told
    assert len(ROWS) >= 8
