"""What the pages on other systems say of ours: every option, recipe key and setting they name is there.

`tests/test_docs.py` checks their commands. Here stands what is named in a table or a sentence: `--option`,
`recipe.key=value`, `setting=value`, `plainfilm verb`. The first column of a table is theirs, and left alone.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer

from plainfilm import plugins
from plainfilm.cli.main import build_app, verbs
from plainfilm.config import build, override
from plainfilm.training.recipe import Recipe, load_recipe, shipped_recipes
from plainfilm.training.staged_recipe import AnyRecipe, SingleStage, StagedRecipe
from plainfilm.training.stages import load_stages

PAGES = sorted((Path(__file__).resolve().parents[1] / "docs" / "coming-from").glob("*.md"))
PROGRAMS = ("torchrun", "pip", "python")
RECIPES = {"refers": "refers", "chex": "chex-tiny"}
"""The recipe that a page changes, where it is not CXR-CLIP's."""
SETTING = re.compile(r"(data|training|preprocessing|model|parts|tokenizers|validation)\.\w+=")


def ours(page: Path) -> list[list[str]]:
    """The words of everything set as code outside the blocks and the column of theirs."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    kept = []
    for line in text.splitlines():
        cells = line.strip().strip("|").split(" | ")
        kept += cells[1:] if line.startswith("|") else [line]
    spans = [re.sub("['\"]", "", span).split() for line in kept for span in re.findall(r"`([^`]+)`", line)]
    return [span for span in spans if span[0] not in PROGRAMS]


@cache
def options() -> set[str]:
    group: Any = typer.main.get_command(build_app())
    return {option for verb in group.commands.values() for part in verb.params for option in part.opts}


@cache
def keys() -> set[str]:
    """Every recipe key with its dots, and every setting of a task, source, format, family or objective."""

    def below(values: dict[str, Any], prefix: str) -> set[str]:
        found = {f"{prefix}{key}" for key in values}
        inner = {key: value for key, value in values.items() if isinstance(value, dict)}
        return found.union(*(below(value, f"{prefix}{key}.") for key, value in inner.items()))

    def fields(kind: str, name: str) -> set[str]:
        return set(plugins.resolve(kind, name).Config.model_fields)

    kinds = ("task", "source", "interchange format", "checkpoint family")
    named = {field for kind in kinds for name in plugins.names(kind) for field in fields(kind, name)}
    for part, kind in (("image", "image encoder"), ("text", "text encoder"), ("objective", "objective")):
        place = part if part == "objective" else f"model.{part}"
        named |= {f"{place}.{field}" for name in plugins.names(kind) for field in fields(kind, name)}
    named |= {f"parts.{part}.{key}" for part in ("image", "text") for key in ("freeze", "learning_rate")}
    named |= {f"tokenizers.text.{key}" for key in ("name", "vocabulary", "max_tokens")}
    named |= {f"stage.{field.alias or key}" for key, field in SingleStage.model_fields.items()}
    recipes = ("cxr-clip-resnet50", *RECIPES.values())
    return named.union(*(below(values, prefix) for name in recipes for prefix, values in parts_of(name)))


@cache
def recipe_of(name: str) -> AnyRecipe:
    return load_stages(name)


def parts_of(name: str) -> list[tuple[str, dict[str, Any]]]:
    """The keys of a recipe, or of each of its stages, with what stands before them on a command line."""
    recipe = recipe_of(name)
    if not isinstance(recipe, StagedRecipe):
        return [("", recipe.as_dict())]
    stages = [(stage.name, stage.recipe.as_dict() | {"from": None}) for stage in recipe.stages]
    return [(prefix, values) for stage, values in stages for prefix in ("", f"stages.{stage}.")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_options_and_keys_that_are_named_exist(page: Path) -> None:
    named = [word for span in ours(page) for word in span]
    dashed = {word.split("=")[0] for word in named if word.startswith("--")}
    assigned = {word.split("=")[0] for word in named if "=" in word and not word.startswith("--")}
    assert len(dashed) + len(assigned) > 20
    assert (dashed - options(), assigned - keys()) == (set(), set())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_verbs_and_recipes_that_are_named_exist(page: Path) -> None:
    commands = [span[1:3] for span in ours(page) if span[0] == "plainfilm"]
    assert {verb for verb, *_ in commands} <= set(verbs())
    recipes = {rest[0] for verb, *rest in commands if verb in ("train", "finetune") and rest}
    recipes |= {
        span[0] for span in ours(page) if re.fullmatch(r"(cxr-clip|finetune|refers|chex)-[\w-]+", span[0])
    }
    assert recipes <= set(shipped_recipes())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_values_that_recipes_are_given_are_accepted(page: Path) -> None:
    name = RECIPES.get(page.stem, "cxr-clip-resnet50")
    for word in {word for span in ours(page) for word in span if SETTING.match(word)}:
        if word.startswith("data.prompts=") or ".from=" in word:
            continue  # a file or folder of the reader's
        beside = {"data.paraphrase_by": ["data.paraphrase=0.5"]}.get(word.split("=")[0], [])
        staged = recipe_of(name)
        if isinstance(staged, StagedRecipe):
            build(Recipe, override(staged.last.as_dict(), [*beside, word]), word)
        else:
            load_recipe(name, [*beside, word])
