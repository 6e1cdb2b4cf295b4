"""Prepares shards in local processes or on a cluster."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial

from plainfilm.collection.shard import Shard, ShardOutput, prepare_shard
from plainfilm.io.workers import WorkersLike, in_workers
from plainfilm.progress import SILENT, Progress

_KERNELS = ("plainfilm.io.area_kernels", "plainfilm.image_analysis.stroke_kernel")
"""Compiled once, before workers are started, and not once by each."""


def run_shards(
    shards: Iterable[Shard], workers: WorkersLike, progress: Progress = SILENT
) -> Iterator[ShardOutput]:
    """The part of every shard, in order (see `shard.prepare_shard`), even if an image crashes its decoder."""
    careful = partial(prepare_shard, is_careful=True)
    return in_workers(prepare_shard, shards, workers, _KERNELS, careful, progress=progress)
