"""Strokes are counted alike by NumPy and by the compiled kernel, and as their definition says."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from plainfilm.image_analysis import strokes as counting
from plainfilm.image_analysis.strokes import strokes

FILMS = [
    np.random.default_rng(0).integers(0, 256, (37, 61), dtype=np.uint8),
    np.kron(np.random.default_rng(1).integers(0, 256, (20, 30)), np.ones((2, 3))).astype(np.uint8),
    np.random.default_rng(2).choice([0, 60, 200], (64, 128), p=[0.8, 0.1, 0.1]).astype(np.uint8),
    np.zeros((5, 1), np.uint8),
]


@pytest.mark.parametrize("film", FILMS, ids=["noise", "blocks", "dots", "column"])
def test_numpy_counts_what_the_kernel_counts(
    film: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "pays_off", lambda: True)
    compiled = strokes(film)
    monkeypatch.setattr(counting, "pays_off", lambda: False)
    assert np.array_equal(strokes(film), compiled)


@pytest.mark.parametrize("is_compiled", [True, False])
@pytest.mark.parametrize(("width", "counted"), [(1, 1), (6, 1), (7, 0)])
def test_a_stroke_is_narrow(
    width: int, counted: int, is_compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "pays_off", lambda: is_compiled)
    film = np.zeros((4, 40), np.uint8)
    film[1, 10 : 10 + width] = 255
    cells = strokes(film)
    assert cells.sum() == counted
    assert not counted or cells[0, (10 + width) // 8] == 1
