"""What a corpus costs in hours on a number of nodes, from the speed of a few hundred films on this machine.

The model of a stage, for F items on N nodes of C cores (training: N processes):

    seconds = max(F / (rate * C * N), F * bytes / (bandwidth * N), F * driver)

Every core takes `rate` items a second, every node moves `bandwidth` bytes a second, and one process (the
driver: it reads the raw tables, plans, and merges and writes tables in order) takes `driver` seconds for each
item. Reading overlaps with computing, so the slowest of the three decides. More nodes help until the driver
is the slowest, at

    nodes = 1 / (rate * C * driver)

A training step of N processes adds the exchange of gradients, 2 (N - 1) / N times their bytes over the
network (ring all-reduce; Patarasu and Yuan, J. Parallel Distrib. Comput. 2009), which does not overlap here.
"""

from __future__ import annotations

import math
import pickle
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch

from plainfilm.collection import Collection
from plainfilm.collection.label import label_chunk, sample_chunk
from plainfilm.collection.merge import write_stream
from plainfilm.collection.prepare import PreparePlan, shards
from plainfilm.collection.rows import stored_image
from plainfilm.collection.schema import TABLES
from plainfilm.collection.shard import PrepareConfig
from plainfilm.collection.verification import FileBlock, check_files
from plainfilm.errors import DataError
from plainfilm.io.images import read_image
from plainfilm.io.paths import stamp
from plainfilm.io.processes import cores
from plainfilm.models.base import Model
from plainfilm.progress import SILENT, Progress
from plainfilm.seeding import generator
from plainfilm.training.dry_run import dry_run, made_up_batch
from plainfilm.training.machine import choose_device_config
from plainfilm.training.recipe import Recipe
from plainfilm.training.setup import build_objective
from plainfilm.training.step import train_step
from plainfilm.types import Image, View

FILMS = (1_000_000, 10_000_000, 100_000_000)
NODES = (1, 4, 16, 64)
_STEPS = 3
_PLANNED = 4_000
_BATCH = 32


@dataclass(frozen=True)
class Stage:
    """The measured speed of a stage.

    unit: what is counted. rate: items per second and core, or per process of training. moved: bytes read and
    written for each item. driver: seconds of the one process for each item. exchanged: bytes of gradients for
    each item that a process sends, in training. n: items timed.
    """

    name: str
    unit: str
    rate: float
    moved: float
    driver: float
    n: int
    exchanged: float = 0.0


@dataclass(frozen=True)
class Cluster:
    """Nodes of `cores` each, and the bytes per second that each moves."""

    nodes: int
    cores: int
    bandwidth: float


def seconds(stage: Stage, items: float, cluster: Cluster) -> tuple[float, str]:
    """The time of a stage, and what decides it: "computing", "network" or "driver"."""
    if stage.exchanged:
        ring = 2 * (cluster.nodes - 1) / cluster.nodes * stage.exchanged / cluster.bandwidth
        parts = {"computing": items / (stage.rate * cluster.nodes), "gradients": items / cluster.nodes * ring}
        slowest = max(parts, key=lambda name: parts[name])
        return sum(parts.values()), slowest
    parts = {
        "computing": items / (stage.rate * cluster.cores * cluster.nodes),
        "network": items * stage.moved / (cluster.bandwidth * cluster.nodes),
        "driver": items * stage.driver,
    }
    slowest = max(parts, key=lambda name: parts[name])
    return parts[slowest], slowest


def most_nodes(stage: Stage, cores: int) -> float:
    """The nodes above which a stage is no faster; infinity where nothing stops it."""
    return math.inf if not stage.driver else 1 / (stage.rate * cores * stage.driver)


def measure(
    collection: Collection, recipe: Recipe | None, films: int = 300, progress: Progress = SILENT
) -> list[Stage]:
    """Time the stages on at most `films` films of a collection; those of a model need a `recipe`.

    Films are read again as they are stored, which are smaller than raw ones: preparing takes longer than this
    says where raw films are large. The model has random weights; its batches are noise.

    Raises:
        DataError: the collection has no films.
        CollectionError: it was prepared without films.
    """
    collection.require_pixels()
    rows = _drawn(collection, films)
    driver = _seconds_per_row(collection)
    progress.log(f"timing {len(rows)} films of {collection.name}")
    stages = [_prepare(collection, rows, _seconds_to_plan() + driver), _verify(collection, rows)]
    label = _label(collection, driver)
    stages += [] if label is None else [label]
    if recipe is not None:
        model = dry_run(recipe)
        stages += [_load(collection, rows, recipe), _embed(recipe, model), _train(recipe, model)]
    return stages


def _drawn(collection: Collection, films: int) -> list[dict[str, Any]]:
    images = collection.table("images").select(["image_id", "path", "sha256", "view"])
    if not len(images):
        raise DataError(f"{collection.path}: has no films to time")
    drawn = generator(0, "estimate").permutation(len(images))[:films]
    return images.take(pa.array(sorted(drawn.tolist()))).to_pylist()


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return max(time.perf_counter() - begun, 1e-9)


def _each(function: Callable[[Any], object], items: Iterable[Any]) -> Callable[[], object]:
    return lambda: [function(item) for item in items]


def _bytes(collection: Collection, rows: Sequence[dict[str, Any]]) -> float:
    return sum(stamp(collection.image_path(row["path"]))[0] for row in rows) / len(rows)


def _seconds_per_row(collection: Collection) -> float:
    """The time of the driver for a row: of writing and digesting the table of images."""
    table = collection.table("images").cast(TABLES["images"])
    repeated = [table] * max(1, 20_000 // len(table))
    with tempfile.TemporaryDirectory() as folder:
        taken = _timed(
            lambda: write_stream("images", repeated, lambda file: nullcontext(Path(folder) / file))
        )
    return taken / (len(table) * len(repeated))


def _seconds_to_plan() -> float:
    """The time of the driver for a film that is to be prepared: of reading a row of a table, and making a
    study of it that is packed for a worker."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "films.csv"
        lines = (f"films/{row}.png,s{row},p{row // 2},PA" for row in range(_PLANNED))
        table.write_text("\n".join(["path,study_id,patient_id,view", *lines]), encoding="utf-8")
        order = PrepareConfig("table", {"tables_only": True}, table, Path(folder), 512, tables_only=True)
        plan = PreparePlan(order, Path(folder))
        taken = _timed(_each(pickle.dumps, shards(plan)))
    return taken / _PLANNED


def _prepare(collection: Collection, rows: Sequence[dict[str, Any]], driver: float) -> Stage:
    size = int(collection.meta["image_size"])
    with tempfile.TemporaryDirectory() as folder:

        def store(row: dict[str, Any]) -> object:
            image = Image(row["image_id"], collection.image_path(row["path"]), View(row["view"]))
            return stored_image(image, Path(folder), size, keep_refused=True)

        store(rows[0])  # compiled functions are compiled
        taken = _timed(_each(store, rows))
    return Stage("prepare", "films", len(rows) / taken, 2 * _bytes(collection, rows), driver, len(rows))


def _verify(collection: Collection, rows: Sequence[dict[str, Any]]) -> Stage:
    listed = [(collection.image_path(row["path"]), row["sha256"]) for row in rows]
    taken = _timed(lambda: check_files(FileBlock(Path.cwd(), listed)))
    return Stage("audit", "films", len(rows) / taken / cores(), _bytes(collection, rows), 0.0, len(rows))


def _label(collection: Collection, driver: float) -> Stage | None:
    chunk = sample_chunk(collection, "chexpert")
    if not chunk.studies:
        return None
    label_chunk(replace(chunk, studies=chunk.studies[:1]))  # the rules are read
    taken = _timed(lambda: label_chunk(chunk))
    count = len(chunk.studies)
    characters = sum(len(section["text"]) for study in chunk.studies for section in study.sections)
    return Stage("label", "reports", count / taken, characters / count, 20 * driver, count)


def _load(collection: Collection, rows: Sequence[dict[str, Any]], recipe: Recipe) -> Stage:
    side = recipe.data.cache or recipe.preprocessing.size

    def read(row: dict[str, Any]) -> object:
        return read_image(collection.image_path(row["path"]), side)

    taken = _timed(_each(read, rows))
    return Stage("load films", "films", len(rows) / taken, _bytes(collection, rows), 0.0, len(rows))


def _embed(recipe: Recipe, model: Model) -> Stage:
    pixels = made_up_batch(recipe, _BATCH).films.pixels[:_BATCH]
    model.eval()

    def encode() -> None:
        with torch.inference_mode():
            model.film_features(pixels)

    encode()
    taken = _timed(_each(lambda _: encode(), range(_STEPS)))
    count = _STEPS * len(pixels)
    return Stage("encode films", "films", count / taken / torch.get_num_threads(), 4096.0, 0.0, count)


def _train(recipe: Recipe, model: Model) -> Stage:
    """A step of one process, on its own batch; the exchange of gradients is by `training.batch_size`."""
    objective = build_objective(recipe, model)
    machine = choose_device_config(recipe.training, model, torch.device("cpu"))
    machine.place(model)
    machine.place(objective)
    model.train()
    objective.train()
    items = min(recipe.training.batch_size, _BATCH)
    batch = machine.take(made_up_batch(recipe, items))

    def step(number: int) -> None:
        train_step(
            model,
            objective,
            [batch],
            seed=0,
            step=number,
            sub_batch_size=recipe.training.sub_batch_size,
            autocast=machine.autocast,
        )
        model.zero_grad(set_to_none=True)

    step(0)
    taken = _timed(_each(step, range(1, 1 + _STEPS)))
    gradients = 4 * sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    exchanged = gradients / recipe.training.batch_size
    return Stage("train, an epoch", "items", _STEPS * items / taken, 0.0, 0.0, _STEPS * items, exchanged)


@dataclass(frozen=True)
class Plan:
    """Stages and what is planned for: nodes of so many cores that move so many bytes a second."""

    stages: Sequence[Stage]
    cores: int
    bandwidth: float
    nodes: Sequence[int] = NODES

    def hours(self, stage: Stage, items: float) -> Iterator[tuple[int, float, str]]:
        """(nodes, hours, what decides them) of a stage."""
        for count in self.nodes:
            taken, by = seconds(stage, items, Cluster(count, self.cores, self.bandwidth))
            yield count, taken / 3600, by

    def document(self) -> dict[str, Any]:
        """The JSON document of `plainfilm estimate`; `most_nodes` is null where nothing stops a stage."""
        hours = [
            {"stage": stage.name, "items": items, "nodes": count, "hours": taken, "by": by}
            for stage in self.stages
            for items in FILMS
            for count, taken, by in self.hours(stage, items)
        ]
        most = [most_nodes(stage, self.cores) for stage in self.stages]
        return {
            "cores_per_node": self.cores,
            "bytes_per_second_per_node": self.bandwidth,
            "threads": torch.get_num_threads(),
            "stages": [
                asdict(stage) | {"most_nodes": None if math.isinf(count) else count}
                for stage, count in zip(self.stages, most, strict=True)
            ],
            "hours": hours,
        }

    def lines(self) -> Iterator[str]:
        """The same for people."""
        moved = f"{self.bandwidth / 1e6:,.0f} MB a second"
        yield f"planned for nodes of {self.cores} cores that move {moved} each, by what was measured here:"
        for stage in self.stages:
            who = "process" if stage.exchanged else "core"
            speed = f"{stage.rate:,.1f} {stage.unit} a second and {who} (n={stage.n})"
            yield f"{stage.name}: {speed}{self._stop(stage)}"
            for items in FILMS:
                cells = [f"{taken:,.1f} ({by})" for _, taken, by in self.hours(stage, items)]
                where = ", ".join(map(str, self.nodes))
                yield f"  {items:>11,} {stage.unit}, hours on {where} nodes: {', '.join(cells)}"

    def _stop(self, stage: Stage) -> str:
        most = most_nodes(stage, self.cores)
        return "" if math.isinf(most) else f"; above {max(1, round(most)):,} nodes the driver is the slowest"
