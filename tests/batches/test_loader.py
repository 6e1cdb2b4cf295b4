"""Batches of an epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from plainfilm.batches.batch import Batch
from plainfilm.batches.collate import Collate
from plainfilm.batches.data_config import DataConfig
from plainfilm.batches.dataset import Dataset, ItemNeeds
from plainfilm.batches.loader import Loader, epoch_order, sampled_order, slice_bounds
from plainfilm.batches.pixel_cache import ImageFiles
from plainfilm.batches.rows import build_rows
from plainfilm.collection import Collection
from plainfilm.io.preprocessing import Preprocessing
from plainfilm.text.tokenizers import Tokenizer

TEXT = ItemNeeds(targets=("text",))


@pytest.fixture(scope="session")
def parts(studies: Collection) -> tuple[Dataset, Collate]:
    """Five items, and how they become batches."""
    config, preprocessing = DataConfig(text="all"), Preprocessing(size=16, channels=1)
    rows = build_rows([studies], "train", config)
    dataset = Dataset(rows, [studies], [ImageFiles(studies)], config, preprocessing, seed=0)
    tokenizers = {"text": Tokenizer.train(dataset.texts(TEXT, "text"), 300, 32)}
    return dataset, Collate(preprocessing, dataset.readers(TEXT, tokenizers))


def loader(parts: tuple[Dataset, Collate], **settings: Any) -> Loader:
    return Loader(*parts, **{"batch_size": 2, "seed": 0, "workers": 0, **settings})


def same(first: Batch, second: Batch) -> bool:
    texts = first.targets["text"], second.targets["text"]
    pairs = [(first.films.pixels, second.films.pixels), (first.rows, second.rows)]
    pairs += [(texts[0].token_ids, texts[1].token_ids), (texts[0].token_mask, texts[1].token_mask)]
    pairs += [(first.keys.study, second.keys.study), (first.keys.text, second.keys.text)]
    return all(torch.equal(one, other) for one, other in pairs)


def test_an_epoch_has_every_item_once() -> None:
    assert sorted(epoch_order(100, 3, 5)) == list(range(100))


def test_epochs_have_orders_of_their_own() -> None:
    assert not np.array_equal(epoch_order(100, 3, 5), epoch_order(100, 3, 6))


def test_threads_change_nothing(parts: tuple[Dataset, Collate]) -> None:
    alone = list(loader(parts).epoch(1))
    threaded = list(loader(parts, workers=3).epoch(1))
    assert all(same(one, other) for one, other in zip(alone, threaded, strict=True))


@pytest.mark.parametrize("workers", [0, 2])
def test_starting_later_gives_the_same_rest(parts: tuple[Dataset, Collate], workers: int) -> None:
    whole = list(loader(parts, batch_size=2, workers=workers).epoch(4))
    rest = list(loader(parts, batch_size=2, workers=workers).epoch(4, start=1))
    assert len(rest) == len(whole) - 1
    assert all(same(one, other) for one, other in zip(whole[1:], rest, strict=True))


def test_skipped_items_are_not_made(parts: tuple[Dataset, Collate], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    real = parts[0].item
    monkeypatch.setattr(parts[0], "item", lambda index, *rest: made.append(index) or real(index, *rest))
    list(loader(parts).epoch(0, start=1))
    assert made == epoch_order(5, 0, 0)[2:4].tolist()


def test_processes_share_a_batch_in_order(parts: tuple[Dataset, Collate]) -> None:
    whole = next(iter(loader(parts, batch_size=5).epoch(0)))
    shares = [next(iter(loader(parts, batch_size=5, rank=rank, world=3).epoch(0))) for rank in range(3)]
    assert [len(share) for share in shares] == [2, 2, 1]
    assert torch.equal(torch.cat([share.films.pixels for share in shares]), whole.films.pixels)
    assert torch.equal(torch.cat([share.rows for share in shares]), torch.arange(5))


def test_a_process_may_have_no_share(parts: tuple[Dataset, Collate]) -> None:
    share = next(iter(loader(parts, batch_size=2, rank=2, world=3).epoch(0)))
    assert share.films.pixels.shape == (0, 1, 16, 16)
    assert share.targets["text"].token_ids.shape[:2] == (0, 1)


@pytest.mark.parametrize(
    ("batch_size", "drop_last", "batches"), [(2, False, 2), (3, False, 2), (3, True, 1), (5, True, 1)]
)
def test_last_batch(parts: tuple[Dataset, Collate], batch_size: int, drop_last: bool, batches: int) -> None:
    made = loader(parts, batch_size=batch_size, drop_last=drop_last)
    assert made.batches() == len(list(made.epoch(0))) == batches


def test_limit_takes_the_same_few(parts: tuple[Dataset, Collate]) -> None:
    few = loader(parts, limit=3, batch_size=3)
    assert few.items() == 3
    assert few.item_ids(0, 0) == loader(parts, batch_size=3).item_ids(0, 0)


def test_an_error_reaches_the_caller(parts: tuple[Dataset, Collate], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(index: int, *rest: object) -> None:
        raise RuntimeError("disk is gone")

    monkeypatch.setattr(parts[0], "item", fail)
    with pytest.raises(RuntimeError, match="disk is gone"):
        list(loader(parts, workers=2).epoch(0))


def test_slices_cover_everything() -> None:
    bounds = [slice_bounds(10, rank, 4) for rank in range(4)]
    assert bounds == [(0, 3), (3, 6), (6, 8), (8, 10)]


SOURCE = np.repeat([0, 1, 2], [80, 15, 5])
"""Three collections of different size."""


def test_collections_as_they_are_keep_the_plain_order() -> None:
    assert np.array_equal(sampled_order(SOURCE, 1.0, 3, 2), epoch_order(100, 3, 2))


@pytest.mark.parametrize(("exponent", "shares"), [(0.0, [33, 34, 33]), (0.5, [59, 26, 15])])
def test_an_exponent_below_one_evens_out_the_sizes_of_collections(exponent: float, shares: list[int]) -> None:
    drawn = sampled_order(SOURCE, exponent, 0, 0)
    counts = np.bincount(SOURCE[drawn % 100])
    assert len(drawn) == len(set(drawn.tolist())) == 100
    assert np.abs(counts - shares).max() <= 1


def test_no_item_is_drawn_again_before_all_of_its_collection_were() -> None:
    drawn = sampled_order(SOURCE, 0.0, 0, 0)
    times = np.bincount(drawn % 100, minlength=100)[SOURCE == 2]
    assert times.max() - times.min() <= 1


def test_items_are_visited_as_often_as_their_factor_says() -> None:
    repeats = np.where(np.arange(100) % 10 == 0, 2.5, 1.0)
    drawn = np.concatenate([sampled_order(SOURCE, 1.0, 0, epoch, repeats) for epoch in range(200)])
    counts = np.bincount(drawn % 100, minlength=100)
    for number in range(3):
        own = np.flatnonzero(number == SOURCE)
        wanted = 200 * len(own) * repeats[own] / repeats[own].sum()
        assert np.abs(counts[own] / wanted - 1).max() < 0.15
    first = sampled_order(SOURCE, 1.0, 0, 0, repeats)
    assert len(set(first.tolist())) == len(first) == 100
    assert (first >= 100).any()


def test_another_draw_of_an_item_is_another_crop_of_it(parts: tuple[Dataset, Collate]) -> None:
    dataset, _ = parts
    first, again = dataset.item(1, 0), dataset.item(1 + len(dataset), 0)
    assert first.item_id == again.item_id
    assert not np.array_equal(first.pixels, again.pixels)


def test_messages_name_items_that_are_drawn_again(parts: tuple[Dataset, Collate]) -> None:
    again = loader(parts, sampling_exponent=0.5)
    assert set(again.item_ids(0, 0)) <= set(parts[0].rows.ids)


def test_films_of_a_study_lie_in_the_batch_as_the_objective_asks(studies: Collection) -> None:
    config, preprocessing = DataConfig(text="all", item="study"), Preprocessing(size=16, channels=1)
    rows = build_rows([studies], "train", config)
    dataset = Dataset(rows, [studies], [ImageFiles(studies)], config, preprocessing, seed=0)
    counts = {}
    for films in ("one", "pair", "all"):
        made = Loader(
            dataset, Collate(preprocessing, {}), batch_size=4, seed=0, workers=0, needs=ItemNeeds(films)
        )
        batch = next(iter(made.epoch(0)))
        order = [dataset.rows.ids.index(one) for one in made.item_ids(0, 0)]
        counts[films] = dict(zip(order, batch.films.of.counts.tolist(), strict=True))
        assert batch.films.pixels.shape == (batch.films.of.entries, 1, 16, 16)
    assert set(counts["one"].values()) == {1}
    assert set(counts["pair"].values()) == {2}
    assert counts["all"] == {index: len(rows.images_of(index)) for index in range(4)}
