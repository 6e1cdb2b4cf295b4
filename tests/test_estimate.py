"""The model of the cost against a simulation of every task, and its measurements."""

from __future__ import annotations

import heapq
import json
from pathlib import Path

import pytest

from plainfilm.cli.main import run
from plainfilm.collection import Collection
from plainfilm.estimate import Cluster, Stage, most_nodes, seconds


def simulated(stage: Stage, items: int, cluster: Cluster, shard: int = 32) -> float:
    """Seconds of tasks of `shard` items with two in flight for each core: a core computes one task at a time,
    a node moves one task's bytes at a time, and the driver takes their results in order."""
    cores = [(0.0, node) for node in range(cluster.nodes) for _ in range(cluster.cores)]
    heapq.heapify(cores)
    moved = [0.0] * cluster.nodes
    in_flight: list[float] = []
    driver = 0.0
    for _ in range(items // shard):
        if len(in_flight) == 2 * len(cores):
            driver = max(driver, in_flight.pop(0)) + shard * stage.driver
        free, node = heapq.heappop(cores)
        begun = max(free, driver) if driver > free else free
        moved[node] = max(moved[node], begun) + shard * stage.moved / cluster.bandwidth
        ended = max(begun + shard / stage.rate, moved[node])
        heapq.heappush(cores, (ended, node))
        in_flight.append(ended)
    for ended in in_flight:
        driver = max(driver, ended) + shard * stage.driver
    return driver


STAGES = {
    "computing": Stage("a", "films", rate=40.0, moved=1e5, driver=1e-5, n=300),
    "network": Stage("b", "films", rate=400.0, moved=4e6, driver=1e-5, n=300),
    "driver": Stage("c", "films", rate=400.0, moved=1e3, driver=2e-3, n=300),
}


@pytest.mark.parametrize("nodes", [1, 4])
@pytest.mark.parametrize("name", STAGES)
def test_the_model_agrees_with_a_simulation(name: str, nodes: int) -> None:
    cluster = Cluster(nodes, cores=8, bandwidth=1e9)
    taken, by = seconds(STAGES[name], 64_000, cluster)
    assert by == name
    assert taken == pytest.approx(simulated(STAGES[name], 64_000, cluster), rel=0.1)


def test_more_nodes_than_the_most_are_no_faster() -> None:
    stage = STAGES["computing"]
    most = most_nodes(stage, 8)
    one, other = (seconds(stage, 1e6, Cluster(round(most * k), 8, 1e12))[0] for k in (2, 4))
    assert one == other
    assert seconds(stage, 1e6, Cluster(round(most / 2), 8, 1e12))[0] > 1.9 * one


def test_gradients_are_added_to_the_time_of_training() -> None:
    stage = Stage("train", "items", rate=10.0, moved=0.0, driver=0.0, n=96, exchanged=1e6)
    assert seconds(stage, 1000, Cluster(1, 1, 1e6)) == (100.0, "computing")
    taken, by = seconds(stage, 1000, Cluster(2, 1, 1e6))
    assert taken == pytest.approx(50 + 500 * 1.0)
    assert by == "gradients"


def test_the_command_times_every_stage(small_world: Collection, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "estimate",
        str(small_world.path),
        "--recipe",
        "classifier-tiny",
        "--films",
        "20",
        "--cores",
        "4",
    ]
    assert run([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    names = [stage["name"] for stage in found["stages"]]
    assert names == ["prepare", "audit", "label", "load films", "encode films", "train, an epoch"]
    assert all(stage["rate"] > 0 and stage["n"] >= 20 for stage in found["stages"])
    assert run(arguments) == 0
    said = capsys.readouterr().out
    assert "100,000,000 films, hours on 1, 4, 16, 64 nodes" in said


def test_without_a_recipe_no_model_is_timed(
    small_world: Collection, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["estimate", str(small_world.path), "--films", "10", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["stages"]) == 3


def test_a_collection_that_is_not_there_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["estimate", str(tmp_path / "absent")]) == 2
    assert "no such collection" in capsys.readouterr().err
