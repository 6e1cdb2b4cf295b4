"""Two Ray nodes on this machine: the same bytes as local processes, also when a node is killed half-way."""

from __future__ import annotations

import csv
import hashlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from plainfilm.bank import build_bank
from plainfilm.bank.items import ItemFilter
from plainfilm.collection import Collection, prepare
from plainfilm.collection.audit import audit
from plainfilm.collection.label import label_collection
from plainfilm.config import build
from plainfilm.errors import DataError, ImageError, UsageError
from plainfilm.io.processes import time_limit
from plainfilm.io.workers import Workers, in_workers
from plainfilm.predictor import core, load
from plainfilm.results import write
from plainfilm.tasks.base import evaluate, task
from tests.collection.conftest import write_film
from tests.conftest import SENTENCES

pytest.importorskip("ray", reason="Ray is not installed (extra 'cluster')")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore::ResourceWarning", "ignore::DeprecationWarning", "ignore::FutureWarning"
    ),
]

STUDIES = 2000


class Nodes:
    """A head that computes nothing and nodes of one core each."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(
            initialize_head=True,
            head_node_args={"num_cpus": 0, "object_store_memory": 100 << 20, "include_dashboard": False},
        )
        self.nodes: list[Any] = []
        self.fill()

    def fill(self) -> None:
        """Two nodes are there."""
        while len(self.nodes) < 2:
            self.nodes.append(self.cluster.add_node(num_cpus=1, object_store_memory=100 << 20))
        self.cluster.wait_for_nodes()

    def kill_one(self) -> None:
        """Kills a node with all its processes, as a loss of power does."""
        self.cluster.remove_node(self.nodes.pop(), allow_graceful=False)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    import ray

    before = os.environ.get("RAY_ENABLE_UV_RUN_RUNTIME_ENV")
    started = Nodes()
    yield started
    ray.shutdown()
    started.cluster.shutdown()
    if before is not None:
        os.environ["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = before


@pytest.fixture
def cluster(nodes: Nodes) -> Nodes:
    nodes.fill()
    return nodes


@pytest.fixture
def ray(cluster: Nodes) -> Workers:
    return Workers(ray=cluster.cluster.address)


class KillsHalfWay:
    """Shows no progress; kills a node when so many items of some work have passed."""

    def __init__(self, cluster: Nodes, what: str, after: int) -> None:
        self.cluster, self.what, self.after = cluster, what, after
        self.lines: list[str] = []

    def track(self, items: Any, total: int | None, what: str) -> Iterator[Any]:
        for place, item in enumerate(items):
            if what == self.what and place == self.after:
                self.cluster.kill_one()
                self.after = -1
            yield item

    def log(self, line: str) -> None:
        self.lines.append(line)


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of 2,000 studies; one file is empty and one crashes nobody but is no film."""
    folder = tmp_path_factory.mktemp("cluster") / "raw"
    rows = [["path", "report", "study_id", "patient_id", "split"]]
    for number in range(STUDIES):
        write_film(folder / f"{number}.png", number)
        report = f"FINDINGS: {SENTENCES[number % 4]} Image {number}."
        split = ("train", "train", "test")[number // 2 % 3]
        rows.append([f"{number}.png", report, f"s{number}", f"p{number // 2}", split])
    (folder / "7.png").write_bytes(b"")
    (folder / "1500.png").write_bytes(b"no picture")
    with (folder / "films.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows(rows)
    return folder / "films.csv"


@pytest.fixture(scope="module")
def local(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> Collection:
    """The collection as local processes make it."""
    return prepare("table", raw, tmp_path_factory.mktemp("local") / "collection", size=32, workers=2)


@pytest.fixture(scope="module")
def labelled(local: Collection, tmp_path_factory: pytest.TempPathFactory) -> Collection:
    folder = tmp_path_factory.mktemp("labelled") / "collection"
    shutil.copytree(local.path, folder)
    label_collection(Collection.open(folder), workers=2)
    return Collection.open(folder)


def test_prepare_loses_a_node(
    raw: Path, local: Collection, cluster: Nodes, ray: Workers, tmp_path: Path
) -> None:
    progress = KillsHalfWay(cluster, "preparing studies", STUDIES // 2)
    prepare("table", raw, tmp_path / "collection", size=32, workers=ray, progress=progress)
    assert progress.after == -1
    assert content(tmp_path / "collection") == content(local.path)


def test_label_loses_a_node(
    local: Collection, labelled: Collection, cluster: Nodes, ray: Workers, tmp_path: Path
) -> None:
    shutil.copytree(local.path, tmp_path / "collection")
    progress = KillsHalfWay(cluster, "labelling studies", STUDIES // 2)
    label_collection(Collection.open(tmp_path / "collection"), workers=ray, progress=progress)
    assert progress.after == -1
    assert content(tmp_path / "collection") == content(labelled.path)


@pytest.mark.parametrize("what", ["images", "sentences"])
def test_embed_loses_a_node(
    what: Any,
    labelled: Collection,
    tiny_model: Path,
    cluster: Nodes,
    ray: Workers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(core, "SORTED_TEXTS", 128)
    build_bank(load(tiny_model), labelled, what, tmp_path / "local", ItemFilter())
    half = {"images": ("embedding images", STUDIES // 2), "sentences": ("embedding texts", 8)}
    progress = KillsHalfWay(cluster, *half[what])
    spread = load(tiny_model, ray=ray.ray, progress=progress)
    build_bank(spread, labelled, what, tmp_path / "ray", ItemFilter(), progress)
    assert progress.after == -1
    assert content(tmp_path / "ray") == content(tmp_path / "local")


@pytest.mark.parametrize("name", ["retrieval", "zero_shot"])
def test_evaluate_loses_a_node(
    name: str,
    labelled: Collection,
    tiny_model: Path,
    cluster: Nodes,
    ray: Workers,
    tmp_path: Path,
) -> None:
    module = task(name)
    config = build(module.Config, {"split": "test", "resamples": 100}, name)
    write(evaluate(module, load(tiny_model), [labelled], config), tmp_path / "local")
    progress = KillsHalfWay(cluster, "embedding images", 400)
    spread = load(tiny_model, ray=ray.ray, progress=progress)
    write(evaluate(module, spread, [labelled], config, progress), tmp_path / "ray")
    assert progress.after == -1
    assert content(tmp_path / "ray") == content(tmp_path / "local")


def test_audit_finds_the_same(labelled: Collection, ray: Workers, tmp_path: Path) -> None:
    shutil.copytree(labelled.path, tmp_path / "collection")
    damaged = Collection.open(tmp_path / "collection")
    damaged.image_path(damaged.table("images")["path"][5].as_py()).write_bytes(b"changed")
    found = audit([damaged], workers=ray)
    assert found["damage"]
    assert found == audit([damaged])


def fail(number: int) -> int:
    raise ImageError(f"film {number}")


def die(number: int) -> int:
    """Odd numbers crash as a C library does."""
    if number % 2:
        os.kill(os.getpid(), signal.SIGSEGV)
    return number


def careful(number: int) -> int:
    return -number


def hang(number: int) -> int:
    import time

    with time_limit(0.5):
        time.sleep(600 * number)
    return number


def test_an_error_reaches_the_caller(ray: Workers) -> None:
    with pytest.raises(ImageError, match="film 0"):
        list(in_workers(fail, range(3), ray))


@pytest.mark.parametrize(("function", "bad"), [(die, 1), (hang, 1)])
def test_what_killed_a_worker_is_done_with_care(
    function: Callable[[int], int], bad: int, ray: Workers
) -> None:
    assert list(in_workers(function, [0, bad, 0], ray, careful=careful)) == [0, -bad, 0]


def test_what_kills_every_worker_is_told(ray: Workers) -> None:
    with pytest.raises(DataError, match="lost 5 times"):
        list(in_workers(die, [1], ray))


def test_few_items_are_in_flight(ray: Workers) -> None:
    drawn = []

    def items() -> Iterator[int]:
        for number in range(40):
            drawn.append(number)
            yield number

    results = in_workers(abs, items(), ray)
    assert next(results) == 0
    assert len(drawn) <= 5  # two for each of two cores, and the one that waits
    assert list(results) == list(range(1, 40))


def test_no_cluster_is_one_line() -> None:
    import subprocess
    import sys

    program = "from plainfilm.io.ray_tasks import connect; connect('127.0.0.1:1')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert UsageError.__name__ in done.stderr
    assert "no cluster answers there" in done.stderr
