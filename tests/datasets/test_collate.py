"""Batches of films."""

from __future__ import annotations

import pytest
import torch

from plainfilm.datasets import Films, collate
from plainfilm.errors import DataError


def test_a_batch_has_the_pixels_labels_and_boxes_of_its_films(boxed, small_world):
    films = Films(small_world, size=48)
    batch = collate(films[:4])
    assert batch["pixels"].shape == (4, 1, 48, 48)
    assert batch["pixels"].dtype == torch.uint8
    column = films.observations.index("Cardiomegaly")
    assert batch["labels"][2, column] == 1
    assert batch["labels"][0, column].isnan()
    (boxes,) = collate(Films(boxed)[:1])["boxes"]
    assert boxes.tolist() == [[60, 100, 110, 180], [0, 0, 20, 20]]


def test_films_of_several_sizes_are_refused_with_the_way_out(boxed, small_world):
    with pytest.raises(DataError, match=r"200 x 300, 64 x 72.*films\(size=224\)"):
        collate([Films(boxed)[0], Films(small_world)[0]])
