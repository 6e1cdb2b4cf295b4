"""Crops, fits and normalisation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.resizing import pad_to_square
from plainfilm.batches.resizing import resize_to as fit
from plainfilm.batches.transforms import cut, draw_geometry, recolour, to_tensor
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.seeding import generator


def ramp(height: int, width: int) -> np.ndarray:
    """A film whose grey value grows from left to right."""
    return np.tile(np.linspace(0, 255, width), (height, 1)).astype(np.uint8)


def augment(
    film: np.ndarray,
    rng: np.random.Generator,
    size: int,
    area: tuple[float, float],
    *,
    pad: bool = False,
    mirrored: bool = False,
    **options: float,
) -> np.ndarray:
    """A random square of a film, as the data set draws it."""
    config = DataConfig(crop_area=area, **options)
    preprocessing = Preprocessing(size=size, fit="pad" if pad else "crop")
    shape = (film.shape[1], film.shape[0])
    geometry = draw_geometry(shape, rng, preprocessing, config, mirrored=mirrored)
    return recolour(cut(film, geometry, preprocessing), rng, config)


def test_augment_gives_a_square_of_the_size() -> None:
    assert augment(ramp(60, 90), generator(0), 32, (0.75, 1.0)).shape == (32, 32)


def test_augment_repeats_from_its_generator() -> None:
    first, second = (augment(ramp(60, 90), generator(7), 32, (0.5, 1.0)) for _ in range(2))
    assert np.array_equal(first, second)


def test_films_are_mirrored_on_request_only() -> None:
    for number in range(50):
        crop = augment(ramp(64, 64), generator(number), 16, (0.3, 1.0)).astype(int)
        assert (np.diff(crop, axis=1) >= 0).all()
        turned = augment(ramp(64, 64), generator(number), 16, (0.3, 1.0), mirrored=True)
        assert np.array_equal(turned, crop[:, ::-1])


def test_augment_covers_the_wanted_share() -> None:
    # On the ramp the grey range of a crop is its width: 0.25 of the area is half the width.
    crop = augment(ramp(200, 200), generator(0), 64, (0.25, 0.25)).astype(int)
    assert np.ptp(crop) == pytest.approx(255 / 2, abs=5)


def test_whole_area_of_a_square_film_is_the_film() -> None:
    crop = augment(ramp(48, 48), generator(0), 48, (1.0, 1.0))
    assert np.array_equal(crop, ramp(48, 48))


def test_padded_crop_keeps_both_edges_of_a_wide_film() -> None:
    crop = augment(ramp(40, 80) // 2 + 100, generator(0), 80, (1.0, 1.0), pad=True)
    assert (crop[0] == 0).all()
    assert crop[40, 0] == pytest.approx(100, abs=3)
    assert crop[40, -1] == pytest.approx(227, abs=3)


def test_rotation_and_brightness_change_the_crop() -> None:
    plain = augment(ramp(48, 48), generator(0), 48, (1.0, 1.0))
    turned = augment(ramp(48, 48), generator(0), 48, (1.0, 1.0), rotation=10.0)
    brighter = augment(ramp(48, 48), generator(0), 48, (1.0, 1.0), brightness=0.3)
    assert not np.array_equal(plain, turned)
    assert not np.array_equal(plain, brighter)


@pytest.mark.parametrize("shape", [(40, 80), (80, 40), (50, 50)])
def test_fit_crop_keeps_the_middle_square(shape: tuple[int, int]) -> None:
    film = np.zeros(shape, dtype=np.uint8)
    film[shape[0] // 2 - 5 : shape[0] // 2 + 5, shape[1] // 2 - 5 : shape[1] // 2 + 5] = 255
    square = fit(film, Preprocessing(size=min(shape)))
    rows, columns = np.nonzero(square)
    assert rows.mean() == columns.mean() == pytest.approx(min(shape) / 2 - 0.5)


def test_fit_pad_keeps_the_whole_film() -> None:
    square = fit(np.full((40, 80), 200, dtype=np.uint8), Preprocessing(size=80, fit="pad"))
    assert (square == 200).sum() == 40 * 80
    assert (square[:20] == 0).all()


def test_pad_to_square_leaves_a_square_alone() -> None:
    film = ramp(30, 30)
    assert pad_to_square(film) is film


def test_to_tensor_normalises_every_channel() -> None:
    preprocessing = Preprocessing(size=8, mean=(0.5, 0.4, 0.3), std=(0.1, 0.2, 0.3))
    films = np.full((2, 8, 8), 51, dtype=np.uint8)
    tensor = to_tensor(films, preprocessing)
    assert tensor.shape == (2, 3, 8, 8)
    wanted = torch.tensor([(0.2 - 0.5) / 0.1, (0.2 - 0.4) / 0.2, (0.2 - 0.3) / 0.3])
    torch.testing.assert_close(tensor[0, :, 0, 0], wanted)


def test_to_tensor_of_one_channel() -> None:
    tensor = to_tensor(np.zeros((1, 8, 8), dtype=np.uint8), Preprocessing(size=8, channels=1))
    assert tensor.shape == (1, 1, 8, 8)
    assert tensor.dtype == torch.float32


def test_contrast_changes_the_spread_and_not_the_middle() -> None:
    plain = augment(ramp(48, 48) // 2 + 60, generator(0), 48, (1.0, 1.0))
    other = augment(ramp(48, 48) // 2 + 60, generator(0), 48, (1.0, 1.0), contrast=0.3)
    assert other.mean() == pytest.approx(plain.mean(), abs=1)
    assert other.std() != pytest.approx(plain.std(), rel=0.01)


def test_local_contrast_is_equalised_as_often_as_asked() -> None:
    films = [augment(ramp(48, 48), generator(n), 48, (1.0, 1.0), clahe=0.5) for n in range(60)]
    untouched = sum(np.array_equal(film, ramp(48, 48)) for film in films)
    assert 18 <= untouched <= 42


@pytest.mark.parametrize("shape", [(41, 40), (40, 41)])
def test_a_film_that_is_nearly_square_is_padded_too(shape: tuple[int, int]) -> None:
    film = np.full(shape, 200, dtype=np.uint8)
    square = fit(film, Preprocessing(size=41, fit="pad"))
    assert (square == 200).sum() == 40 * 41
    for number in range(20):
        assert augment(film, generator(number), 32, (0.6, 1.0), pad=True, rotation=20.0).shape == (32, 32)
