"""The batches of an epoch, in an order that depends on the seed and the epoch only.

An epoch is a permutation, cut into batches of the whole run; every process makes a contiguous slice of each.
Starting at batch k costs nothing, as the skipped items are not loaded. Background threads make batches ahead
of time (decoding and resampling release the interpreter lock); the batches do not depend on the threads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from plainfilm.batches.batch import Batch
from plainfilm.batches.collate import Collate
from plainfilm.batches.dataset import Dataset, Item, ItemNeeds
from plainfilm.seeding import generator

Ints = NDArray[np.int64]
Batches = Generator[Batch, None, None]
Made = TypeVar("Made")


def epoch_order(count: int, seed: int, epoch: int) -> Ints:
    """The permutation (count,) of one epoch."""
    return generator(seed, "order", epoch).permutation(count).astype(np.int64)


def sampled_order(
    source: Ints, exponent: float, seed: int, epoch: int, repeats: NDArray[np.float64] | None = None
) -> Ints:
    """As many draws (N,) as there are items, from each collection in proportion to its items^`exponent`.

    source: (N,) the collection of each item. The items of a collection are visited in one permutation after
    another; the k-th draw of item i is numbered k·N + i. repeats: (N,) from 1 on, the mean number of times
    that an item is in a permutation. With `exponent` 1 and no repeats this is `epoch_order`.
    """
    count = len(source)
    if exponent == 1.0 and repeats is None:
        return epoch_order(count, seed, epoch)
    members = [np.flatnonzero(source == number) for number in np.unique(source)]
    weights = np.array([float(len(items)) ** exponent for items in members])
    ends = np.rint(np.cumsum(weights) / weights.sum() * count).astype(np.int64)
    drawn = [
        _draws(items, int(share), count, seed, epoch, repeats)
        for items, share in zip(members, np.diff(ends, prepend=0), strict=True)
    ]
    return np.concatenate(drawn)[epoch_order(count, seed, epoch)]


def _draws(
    items: Ints, share: int, count: int, seed: int, epoch: int, repeats: NDArray[np.float64] | None
) -> Ints:
    drawn = np.zeros(0, dtype=np.int64)
    round_ = 0
    while len(drawn) < share:
        rng = generator(seed, "draws", epoch, int(items[0]), round_)
        visited = items
        if repeats is not None:
            whole, part = np.divmod(repeats[items], 1.0)
            visited = np.repeat(items, whole.astype(np.int64) + (rng.random(len(items)) < part))
        drawn = np.concatenate([drawn, rng.permutation(visited)])
        round_ += 1
    return _numbered(drawn[:share], count)


def _numbered(drawn: Ints, count: int) -> Ints:
    """k·`count` + i for the k-th time that item i was drawn, from 0."""
    order = np.argsort(drawn, kind="stable")
    items = drawn[order]
    starts = np.flatnonzero(np.diff(items, prepend=-1))
    times = np.arange(len(items)) - np.repeat(starts, np.diff(np.append(starts, len(items))))
    numbered = np.empty_like(drawn)
    numbered[order] = times * count + items
    return numbered


def slice_bounds(count: int, rank: int, world: int) -> tuple[int, int]:
    """The range of `count` rows that process `rank` of `world` makes; contiguous, of lengths that differ by
    at most 1.

    >>> [slice_bounds(7, rank, 2) for rank in range(2)]
    [(0, 4), (4, 7)]
    """
    share, extra = divmod(count, world)
    start = rank * share + min(rank, extra)
    return start, start + share + (rank < extra)


def ahead(make: Callable[[int], Made], numbers: Iterable[int], workers: int) -> Generator[Made, None, None]:
    """What `make` gives for each of `numbers`, in order, a few made before they are asked for by `workers`
    threads; 0 makes each when it is asked for."""
    if workers == 0:
        yield from map(make, numbers)
        return
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="plainfilm-loader")
    waiting: deque[Future[Made]] = deque()
    try:
        for number in numbers:
            waiting.append(pool.submit(make, number))
            if len(waiting) > workers + 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class Loader:
    """Batches of `dataset`.

    batch_size: items per batch over all processes. drop_last: leave out an incomplete last batch; one of
    fewer than `least` items is always left out (a single item has no others to compare with).
    workers: threads; 0 makes every batch on demand. limit: use only so many items. sampling_exponent:
    see `sampled_order`. repeats: (N,) see there.
    """

    dataset: Dataset
    collate: Collate
    batch_size: int
    seed: int
    drop_last: bool = False
    rank: int = 0
    world: int = 1
    workers: int = 1
    limit: int | None = None
    sampling_exponent: float = 1.0
    repeats: NDArray[np.float64] | None = None
    least: int = 2
    needs: ItemNeeds = field(default_factory=ItemNeeds)

    def items(self) -> int:
        """Items per epoch, including those of an incomplete last batch."""
        return min(len(self.dataset), self.limit or len(self.dataset))

    def batches(self) -> int:
        """Batches per epoch."""
        full, rest = divmod(self.items(), self.batch_size)
        return full + (not self.drop_last and rest >= self.least)

    def epoch(self, epoch: int, start: int = 0) -> Batches:
        """This process's slices of the batches of `epoch` from `start` on."""
        order = self._order(epoch)
        make = partial(self._make, order, epoch)
        yield from ahead(make, range(start, self.batches()), self.workers)

    def examples(self, count: int) -> list[Item]:
        """The first items of the first batch, as training sees them."""
        return self._items(self._members(self._order(0), 0)[:count], 0)

    def item_ids(self, epoch: int, number: int) -> list[str]:
        """The ids of batch `number` over all processes, for messages."""
        order = self._order(epoch)
        ids = self.dataset.rows.ids
        return [ids[index % len(ids)] for index in self._members(order, number)]

    def _order(self, epoch: int) -> Ints:
        source = self.dataset.rows.source
        order = sampled_order(source, self.sampling_exponent, self.seed, epoch, self.repeats)
        return order[: self.limit]

    def _members(self, order: Ints, number: int) -> Ints:
        return order[number * self.batch_size : (number + 1) * self.batch_size]

    def _make(self, order: Ints, epoch: int, number: int) -> Batch:
        members = self._members(order, number)
        start, stop = slice_bounds(len(members), self.rank, self.world)
        items = self._items(members[start:stop], epoch)
        return self.collate(items, np.arange(start, stop, dtype=np.int64))

    def _items(self, members: Ints, epoch: int) -> list[Item]:
        readers, films = self.collate.readers, self.needs.films
        return [self.dataset.item(int(index), epoch, readers, films) for index in members]
