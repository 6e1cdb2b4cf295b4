"""The files for Slurm, run by bash with `srun` and `scontrol` that start their command on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from plainfilm.collection import Collection
from plainfilm.training.log import read_log

FILES = Path(__file__).resolve().parents[1] / "examples" / "slurm"
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do shift; done
exec "$@"
"""
SCONTROL = "#!/bin/bash\necho localhost\n"
HOSTNAME = "#!/bin/bash\necho 127.0.0.1\n"

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")


@pytest.fixture
def job(tmp_path: Path) -> dict[str, str]:
    """The environment of a job of one node."""
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL), ("hostname", HOSTNAME)):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    places = [str(tmp_path / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]
    slurm = {"SLURM_NNODES": "1", "SLURM_JOB_ID": "7", "SLURM_JOB_NODELIST": "node1"}
    return {**os.environ, **slurm, "PATH": os.pathsep.join(places), "OMP_NUM_THREADS": "1"}


@pytest.mark.parametrize("file", sorted(FILES.glob("*.sbatch")), ids=lambda path: path.name)
def test_the_files_are_bash(file: Path) -> None:
    assert subprocess.run(["bash", "-n", file], capture_output=True).returncode == 0


@pytest.mark.slow
def test_training_is_submitted_twice(job: dict[str, str], small_world: Collection, tmp_path: Path) -> None:
    run = tmp_path / "run"
    settings = ["model.image.width=6", "model.image.grid=2", "preprocessing.size=32", "data.cache=null"]
    settings += ["training.batch_size=8", "training.max_steps=2", "data.label_origin=[plainfilm-chexpert-4]"]
    command = ["bash", FILES / "train.sbatch", "classifier-tiny", small_world.path, run, *settings]
    for _ in range(2):
        environment = {**job, "PROCESSES_PER_NODE": "2", "MASTER_PORT": "29541"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[:3000]
    starts = [line for line in read_log(run / "log.jsonl") if line["event"] == "start"]
    assert starts[0]["processes"] == 2
    assert (run / "model" / "model.safetensors").is_file()


@pytest.mark.slow
def test_a_command_runs_on_ray(job: dict[str, str], small_world: Collection, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed (extra 'cluster')")
    shutil.copytree(small_world.path, tmp_path / "collection")
    command = ["bash", FILES / "ray.sbatch", "label", tmp_path / "collection"]
    environment = {**job, "RAY_PORT": "6399", "SLURM_CPUS_PER_TASK": "2", "RAY_SECONDS_TO_START": "12"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "labels written" in done.stdout
