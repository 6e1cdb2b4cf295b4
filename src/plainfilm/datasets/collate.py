"""Puts films together to a batch of tensors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from plainfilm.datasets.films import FilmRecord, corners
from plainfilm.errors import DataError
from plainfilm.types import State


def collate(films: Sequence[FilmRecord]) -> dict[str, Any]:
    """A batch of N films of one size, for `DataLoader(films, collate_fn=plainfilm.datasets.collate)`.

    Returns:
        pixels: (N, 1, H, W) uint8. labels: (N, C) float32 in the order of `Films.observations`: 1 positive,
        0 negative, -1 uncertain, NaN not mentioned. boxes: N tensors (K, 4) float32, x0, y0, x1, y1 in
        pixels. image_id, study_id, patient_id, view, sections, box_names: N each.

    Raises:
        DataError: films of several sizes; open them with `size`.
    """
    shapes = {film.pixels.shape for film in films}
    if len(shapes) > 1:
        sizes = ", ".join(sorted(f"{width} x {height}" for height, width in shapes)[:3])
        raise DataError(f"films of several sizes ({sizes}) make no batch: open them with films(size=224)")
    return {
        "pixels": torch.from_numpy(np.stack([film.pixels for film in films])[:, None]),
        "labels": torch.tensor([[_code(state) for state in film.labels.values()] for film in films]),
        "boxes": [torch.from_numpy(corners(film.boxes)).float() for film in films],
        "box_names": [[box.name for box in film.boxes] for film in films],
        **{
            name: [getattr(film, name) for film in films]
            for name in ("image_id", "study_id", "patient_id", "view", "sections")
        },
    }


def _code(state: State | None) -> float:
    return float("nan") if state is None else float(state)
