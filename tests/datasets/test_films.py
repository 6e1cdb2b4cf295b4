"""Films by number: pixels, texts, labels and boxes agree with the tables."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from torch.utils.data import DataLoader

from plainfilm.datasets import Films, collate
from plainfilm.errors import CollectionError, DataError
from plainfilm.io.images import read_image
from plainfilm.types import State, View
from tests.datasets.conftest import BRIGHT


def bright(pixels):
    """The rectangle of bright pixels, x0, y0, x1, y1."""
    rows, columns = np.flatnonzero((pixels > 150).any(1)), np.flatnonzero((pixels > 150).any(0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def test_a_film_is_the_stored_file_with_what_the_tables_say(small_world):
    films = Films(small_world)
    images = small_world.frame("images")
    assert len(films) == len(images) == 96
    film = films[5]
    row = images.iloc[5]
    assert (film.image_id, film.study_id, film.view) == (row["image_id"], row["study_id"], View(row["view"]))
    assert np.array_equal(film.pixels, read_image(small_world.path / row["path"]).array)
    assert film.sections["findings"].startswith("There is a right pneumothorax.")
    assert film.labels["Pneumothorax"] == State.POSITIVE
    assert film.labels["Cardiomegaly"] is None


def test_split_and_views_choose(small_world):
    films = Films(small_world, split="test", views=["LATERAL"])
    assert len(films) == 16
    assert {(film.split, film.view) for film in films} == {("test", View.LATERAL)}


def test_a_transform_decides_what_a_film_becomes(small_world):
    films = Films(small_world, transform=lambda film: (film.image.size, film.image_id))
    assert films[0] == ((64, 72), small_world.frame("images")["image_id"][0])


def test_numbers_count_from_the_end_and_slices_are_lists(small_world):
    films = Films(small_world)
    assert films[-1].image_id == films[95].image_id
    assert [film.image_id for film in films[:3]] == [films[number].image_id for number in range(3)]
    with pytest.raises(IndexError, match=r"collection.*no film number 96"):
        films[96]


@pytest.mark.parametrize("cache", [None, 100])
def test_boxes_stay_around_what_they_show(boxed, cache):
    film = Films(boxed, cache=cache)[0]
    nodule = next(box for box in film.boxes if box.name == "Nodule")
    assert (nodule.x0, nodule.y0, nodule.x1, nodule.y1) == pytest.approx(bright(film.pixels), abs=1)


@pytest.mark.parametrize("cache", [None, 100])
def test_boxes_are_moved_with_a_resized_film_and_left_out_where_it_is_cut_off(boxed, cache):
    film = Films(boxed, size=80, cache=cache)[0]
    assert film.pixels.shape == (80, 80)
    (nodule,) = film.boxes  # the mass lies above the square in the middle
    assert (nodule.x0, nodule.y0, nodule.x1, nodule.y1) == pytest.approx(bright(film.pixels), abs=1)
    x0, y0, x1, y1 = BRIGHT
    assert (nodule.x0, nodule.y0) == pytest.approx((x0 * 0.4, (y0 - 50) * 0.4))
    assert (nodule.x1, nodule.y1) == pytest.approx((x1 * 0.4, (y1 - 50) * 0.4))


def test_workers_of_a_loader_read_the_same(small_world):
    films = Films(small_world, split="test", size=48)
    alone = list(DataLoader(films, batch_size=8, collate_fn=collate))
    spread = list(DataLoader(films, batch_size=8, collate_fn=collate, num_workers=2))
    assert [batch["image_id"] for batch in alone] == [batch["image_id"] for batch in spread]
    assert all((one["pixels"] == other["pixels"]).all() for one, other in zip(alone, spread, strict=True))


def test_it_can_be_sent_to_another_process(small_world):
    films = Films(small_world, split="train")
    assert pickle.loads(pickle.dumps(films))[3].image_id == films[3].image_id


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"split": "tset"}, CollectionError, "did you mean 'test'"),
        ({"views": ["PAA"]}, CollectionError, "did you mean 'PA'"),
        ({"origins": ["nobody"]}, DataError, "no collection has labels from 'nobody'"),
    ],
)
def test_what_there_is_not_is_named(small_world, options, error, message):
    with pytest.raises(error, match=message):
        Films(small_world, **options)
