"""The rooms of `tasks/`: what all share knows none of them, and a task is followed in few files."""

from __future__ import annotations

import ast
from pathlib import Path

import plainfilm.tasks

ROOT = Path(plainfilm.tasks.__file__).parent


def imported(path: Path) -> set[str]:
    """Modules of `tasks/` that a source imports, as paths below it without ending."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("plainfilm.tasks"):
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            places = [name.removeprefix("plainfilm.tasks").strip(".").replace(".", "/") for name in names]
            found |= {place for place in places if (ROOT / f"{place}.py").is_file()}
    return found


def followed(name: str) -> set[str]:
    """All modules of `tasks/` that a task needs, itself included."""
    found, open_ = set(), {name}
    while open_:
        place = open_.pop()
        found.add(place)
        open_ |= imported(ROOT / f"{place}.py") - found
    return found


def test_what_all_tasks_share_knows_none_of_them():
    for path in (ROOT / "scoring").glob("*.py"):
        assert imported(path) <= {"base"}, path.name


def test_zero_shot_is_followed_in_few_files():
    assert followed("zero_shot") - {"film_classification/multiclass"} == {
        *("base", "zero_shot", "scoring/measure", "scoring/label_choice"),
        *(
            f"film_classification/{name}"
            for name in ("evaluate", "films", "thresholds", "abstention", "view_prior")
        ),
    }
