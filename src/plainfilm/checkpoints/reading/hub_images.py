"""`preprocessor_config.json` of a Hugging Face folder as a `Preprocessing`.

The image processors of the transformers library resize with Pillow, crop whole pixels, the smaller margin
first, and normalise.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from plainfilm.checkpoints.reading.opened import read_settings
from plainfilm.errors import ModelError
from plainfilm.io.preprocessing import Filter, Preprocessing

FILE = "preprocessor_config.json"
_FILTERS: dict[int, Filter] = {1: "lanczos", 2: "bilinear", 3: "bicubic"}
"""By the numbers of Pillow."""


def hub_preprocessing(folder: Path, size: int) -> Preprocessing | None:
    """What the file in `folder` says for an encoder of `size` pixels; `None` without a file.

    Raises:
        ModelError: a file that is damaged, or says something else.
    """
    file = folder / FILE
    if not file.is_file():
        return None
    stated = read_settings(file)
    resize, crop = _sides(stated.get("size")), _sides(stated.get("crop_size"))
    cropped = bool(stated.get("do_center_crop")) and crop is not None
    kept = crop if cropped else resize
    mean, std = _colours(stated, "image_mean"), _colours(stated, "image_std")
    filter_ = _FILTERS.get(stated.get("resample", 2))
    if kept is None or resize is None or mean is None or std is None or filter_ is None or kept[0] != size:
        raise ModelError(
            f"{file}: its size, crop_size, resample, image_mean or image_std do not say how films become "
            f"{size} px; fetch the one of these weights, or remove it to use the published values"
        )
    return Preprocessing(
        size=size,
        resize=resize[0] if resize[0] != size else None,
        fit="crop" if resize[1] else "squash",
        filter=filter_,
        order="resize_first",
        odd_margin="down",
        mean=mean,
        std=std,
    )


def _sides(stated: object) -> tuple[int, bool] | None:
    """A side in pixels, and whether it is that of the shortest edge."""
    if isinstance(stated, int) and not isinstance(stated, bool):
        return stated, True
    values = stated if isinstance(stated, Mapping) else {}
    if isinstance(values.get("shortest_edge"), int):
        return int(values["shortest_edge"]), True
    if isinstance(values.get("height"), int) and values.get("height") == values.get("width"):
        return int(values["height"]), False
    return None


def _colours(stated: Mapping[str, Any], key: str) -> tuple[float, float, float] | None:
    values = stated.get(key)
    is_whole = isinstance(values, list) and len(values) == 3 and all(isinstance(one, float) for one in values)
    return (values[0], values[1], values[2]) if isinstance(values, list) and is_whole else None
