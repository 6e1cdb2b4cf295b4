"""Every command in the README and in docs/ is one the real command line accepts; tutorials are run.

A page with the line `<!-- run -->` is run from top to bottom in an empty folder: a block that begins
with `# file: NAME` is written to NAME, any other Python block is executed, and every `plainfilm` line of
a shell block is executed.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from plainfilm import plugins
from plainfilm.cli.main import build_app, verbs
from plainfilm.config import build, override, read_yaml
from plainfilm.tasks.base import task
from plainfilm.training.recipe import SHIPPED, load_recipe, shipped_recipes
from plainfilm.training.staged_recipe import STAGE, STAGES, read_stages, single_stage

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
OURS = re.compile(r"^(?:\$ )?(plainfilm .*)$", re.MULTILINE)
SHELLS = ("bash", "console", "sh")


def blocks(page: Path) -> list[tuple[str, str]]:
    return BLOCK.findall(page.read_text("utf-8"))


def commands(text: str) -> list[str]:
    joined = re.sub(r"\\\n\s*", " ", text)
    return [re.split(r"\s+(?:#|>|\||&&)", line)[0] for line in OURS.findall(joined)]


SHELL_COMMANDS = [
    (page, line)
    for page in PAGES
    for language, text in blocks(page)
    if language in SHELLS
    for line in commands(text)
]
RUN_PAGES = [page for page in PAGES if "<!-- run -->" in page.read_text("utf-8")]


@pytest.mark.parametrize(("page", "line"), SHELL_COMMANDS, ids=lambda value: str(value)[-60:])
def test_documented_commands_are_accepted(page: Path, line: str) -> None:
    group = typer.main.get_command(build_app())
    _, verb, *arguments = shlex.split(line)
    if verb.startswith("--"):
        return
    assert verb in verbs(), f"{page.name}: {line}"
    if "--help" in arguments:
        return
    context = group.commands[verb].make_context(verb, list(arguments))  # type: ignore[attr-defined]
    check_settings(verb, context.params)


def check_settings(verb: str, given: dict[str, Any]) -> None:
    """Keys of recipes and tasks are checked too, where the recipe or the task is one we ship."""
    if verb == "train" and given["recipe"] in shipped_recipes():
        keys = [word for word in given["overrides"] or [] if not _names_a_pack_of_ones_own(word)]
        check_recipe(given["recipe"], keys)
    if verb == "evaluate" and given["task"] in plugins.names("task"):
        settings = [word for word in given["collections"] if "=" in word]
        build(task(given["task"]).Config, override({}, settings), "docs")


def check_recipe(name: str, overrides: list[str]) -> None:
    """Stages of the published ChEX start from models that are not here; their keys are checked alone."""
    of_stages = [word for word in overrides if word.startswith("stages.")]
    values = override(
        read_yaml(SHIPPED / f"{name}.yaml"), [word for word in overrides if word not in of_stages]
    )
    if STAGE in values:
        assert single_stage(values).values
    elif STAGES in values:
        assert read_stages(values, of_stages)
    else:
        load_recipe(name, overrides)


def _names_a_pack_of_ones_own(word: str) -> bool:
    """A pack is opened where a recipe names it; that of a reader of the page is not here."""
    return word.startswith("data.prompts=") and word.endswith((".yaml", ".json"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
        if not target.startswith(("http:", "https:", "mailto:")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for language, text in blocks(page):
        targets = re.findall(r"^make ([\w-]+)", text, re.MULTILINE) if language in SHELLS else []
        assert all(f"\n{target}:" in makefile for target in targets), targets


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN_PAGES, ids=lambda page: page.name)
def test_tutorials_run(page: Path, tmp_path: Path) -> None:
    for language, text in blocks(page):
        if language in ("python", "yaml") and (name := re.match(r"# file: (\S+)\n", text)):
            (tmp_path / name[1]).write_text(text, encoding="utf-8")
        elif language == "python":
            done = subprocess.run([sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
        for line in commands(text) if language in SHELLS else []:
            arguments = [sys.executable, "-m", "plainfilm", *shlex.split(line)[1:]]
            done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True)
            assert done.returncode == 0, f"{line}\n{done.stderr}"
