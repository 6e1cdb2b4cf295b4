"""The built wheel, without extras, in an empty environment that cannot be written to, without a home."""

from __future__ import annotations

import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from plainfilm.demo.films import phantom_films
from plainfilm.model_folder import shipped_models

CHECKOUT = Path(__file__).resolve().parents[1]
PACKAGE = CHECKOUT / "src" / "plainfilm"
ODD = "影像 and spaces"
"""Part of the names of all folders."""


def in_git(folder: Path) -> list[Path]:
    done = subprocess.run(["git", "ls-files", "-z"], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("no git checkout")
    return [folder / name for name in done.stdout.split("\0") if name]


def test_every_file_of_the_package_is_named_as_package_data() -> None:
    settings = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["plainfilm"]
    data = [file.relative_to(PACKAGE).as_posix() for file in in_git(PACKAGE) if file.suffix != ".py"]
    missing = [name for name in data if not any(is_named(name, pattern) for pattern in patterns)]
    assert not missing
    assert any(name.endswith("model.safetensors") for name in data)


def is_named(name: str, pattern: str) -> bool:
    """As setuptools reads a pattern: `**/` is any number of folders, `*` no slash."""
    plain = re.escape(pattern).replace(r"\*\*/", "(.*/)?").replace(r"\*", "[^/]*")
    return re.fullmatch(plain, name) is not None


def without_home(**more: str) -> dict[str, str]:
    return {"PATH": os.defpath, "LANG": "C.UTF-8", **more}


@pytest.fixture
def film(tmp_path: Path) -> Path:
    folder = tmp_path / f"films {ODD}"
    folder.mkdir()
    shutil.copy(phantom_films()[0].path, folder / "胸部 1.png")
    return folder / "胸部 1.png"


PREDICT = """
import sys
from plainfilm.cli.main import run
status = run(["predict", "nano", sys.argv[1], "--json"])
slow = {"numba", "pandas", "matplotlib", "transformers", "torch._dynamo"} & set(sys.modules)
sys.exit(status or (f"imported {slow}" if slow else 0))
"""


def test_a_shipped_model_answers_from_another_folder_without_a_home_and_slow_imports(film: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PREDICT, film.name],
        cwd=film.parent,
        env=without_home(PYTHONPATH=str(CHECKOUT / "src")),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["findings"]


def base_distributions() -> Iterator[Distribution]:
    """What Plainfilm needs without extras, and what that needs."""
    waiting, seen = ["plainfilm"], set()
    while waiting:
        name = waiting.pop()
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:  # needed on other machines alone
            continue
        needed = [Requirement(text) for text in found.requires or ()]
        for one in needed:
            key = re.sub(r"[-_.]+", "-", one.name).lower()
            if key not in seen and (one.marker is None or one.marker.evaluate({"extra": ""})):
                seen.add(key)
                waiting.append(one.name)
        if name != "plainfilm":
            yield found


def link(found: Distribution, site: Path) -> None:
    """Puts the files of a distribution into `site`, as links."""
    tops = {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}
    for top in tops:
        if not (site / top).exists():
            (site / top).symlink_to(Path(str(found.locate_file(top))))


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel and what it needs without extras; nobody may write to it."""
    root = tmp_path_factory.mktemp(f"wheel {ODD}")
    for file in in_git(CHECKOUT):
        if file.is_relative_to(CHECKOUT / "src") or file.parent == CHECKOUT:
            target = root / "checkout" / file.relative_to(CHECKOUT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(root / "dist")]
    subprocess.run([*build, str(root / "checkout")], check=True, capture_output=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(root / "env")], check=True)
    (wheel,) = (root / "dist").glob("plainfilm-*.whl")
    python = root / "env" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index"]
    # Without PYTHONPATH, where pip may find Plainfilm installed already.
    subprocess.run([*pip, str(wheel)], env=without_home(), check=True, capture_output=True)
    (site,) = (root / "env" / "lib").glob("python*/site-packages")
    for found in base_distributions():
        link(found, site)
    for folder, _, files in os.walk(root / "env"):
        for path in (Path(folder), *(Path(folder) / name for name in files)):
            if not path.is_symlink():
                path.chmod(path.stat().st_mode & ~0o222)
    yield root / "env"
    for folder, _, _ in os.walk(root / "env"):  # so that it can be removed
        Path(folder).chmod(0o755)


def held_to_permissions(words: list[str]) -> list[str]:
    """The command without the right of root to write everywhere."""
    if os.geteuid() != 0:
        return words
    if shutil.which("setpriv") is None:
        pytest.skip("runs as root, who may write everywhere, and there is no setpriv to give that up")
    return ["setpriv", "--bounding-set", "-dac_override", "--inh-caps", "-dac_override", *words]


@pytest.mark.slow
def test_permissions_hold(environment: Path) -> None:
    done = subprocess.run(
        held_to_permissions(["touch", str(environment / "new")]), capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped_models())
def test_the_wheel_predicts(environment: Path, film: Path, name: str) -> None:
    words = [
        str(environment / "bin" / "plainfilm"),
        "predict",
        name,
        film.name,
        "--map",
        "heart",
        "--out",
        "maps",
    ]
    done = subprocess.run(
        held_to_permissions([*words, "--json"]),
        cwd=film.parent,
        env=without_home(),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    [entry] = json.loads(done.stdout)
    assert entry["findings"]
    assert list((film.parent / "maps").glob("*.png"))
