"""Time and size of what `make demo` installs beside torch: at an older commit, and now.

    python benchmarks/installation.py WHEELS [--before 0e965f6^] [--uv FILE]

The packages are those of the environment that runs this, which has all extras, in its versions. torch, triton
and what CUDA needs are left out of both. The wheels are first put into the folder WHEELS, so that no download
is timed; then each set is installed into a new environment as the Makefile of its time does, and removed. The
older one, with the extra `dev` and pip, compiles all modules. `--uv` also times the new set with uv.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import io
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
TORCH = re.compile(r"torch|triton|nvidia-.*|cuda-.*")


def plain(name: str) -> str:
    """The name of a distribution as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(requirements: Sequence[str], extras: Mapping[str, Sequence[str]]) -> list[str]:
    """`name==version` of all that these requirements of Plainfilm need, but for torch."""
    waiting = [(Requirement(one), ("",)) for one in requirements]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    found: dict[str, str] = {}
    while waiting:
        needed, wanted = waiting.pop()
        key = (plain(needed.name), tuple(sorted(needed.extras)))
        if needed.marker and not any(needed.marker.evaluate({"extra": extra}) for extra in wanted):
            continue
        if key[0] == "plainfilm":
            waiting += [(Requirement(one), ("",)) for extra in needed.extras for one in extras[extra]]
        elif key not in seen:
            seen.add(key)
            distribution = importlib.metadata.distribution(needed.name)
            found[key[0]] = f"{key[0]}=={distribution.version}"
            own = [Requirement(one) for one in distribution.requires or ()]
            waiting += [(one, ("", *needed.extras)) for one in own]
    return sorted(pin for name, pin in found.items() if not TORCH.fullmatch(name))


def packages(tree: Path, extra: str | None) -> list[str]:
    """What the checkout `tree` needs, with or without an extra."""
    project = tomllib.loads((tree / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    return pinned([*project["dependencies"], *(extras[extra] if extra else ())], extras)


def measure(what: str, command: Sequence[str | Path], tree: Path, pins: Sequence[str]) -> None:
    """Install into a new environment with `command`, which gets its interpreter for `{}`, and print."""
    with tempfile.TemporaryDirectory() as name:
        subprocess.run([sys.executable, "-m", "venv", name], check=True)
        python = str(Path(name) / "bin" / "python")
        words = [python if word == "{}" else str(word) for word in command]
        began = time.perf_counter()
        subprocess.run([*words, "--no-deps", *pins, "-e", str(tree)], check=True)
        seconds = time.perf_counter() - began
        (site,) = (Path(name) / "lib").glob("python*/site-packages")
        size = sum(file.stat().st_blocks * 512 for file in site.rglob("*") if file.is_file()) / 2**20
    print(f"{what:20} {len(pins):4} packages {seconds:6.1f} s {size:6.0f} MB", flush=True)


def main() -> None:
    """Reads the arguments, measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("wheels", type=Path)
    parser.add_argument("--before", default="0e965f6^")
    parser.add_argument("--uv")
    given = parser.parse_args()
    local = ["--quiet", "--no-index", "--find-links", given.wheels.resolve()]
    with tempfile.TemporaryDirectory() as name:
        older, newer = Path(name) / "before", Path(name) / "now"
        for tree, commit in ((older, given.before), (newer, "HEAD")):
            packed = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True)
            with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
                archive.extractall(tree, filter="data")
        before, now = packages(older, "dev"), packages(newer, None)
        pip = [sys.executable, "-m", "pip"]
        download = [*pip, "wheel", "--quiet", "--no-deps", "--wheel-dir", given.wheels, "setuptools>=77"]
        subprocess.run([*download, *sorted({*before, *now})], check=True)
        pip = ["{}", "-m", "pip", "install", "--disable-pip-version-check", *local]
        measure("before, pip", pip, older, before)
        measure("now, pip", [*pip, "--no-compile"], newer, now)
        if given.uv:
            measure("now, uv", [given.uv, "pip", "install", "--python", "{}", *local], newer, now)


if __name__ == "__main__":
    main()
