"""The shape of the source: which folder may import which, how long things are, nothing written twice."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "src" / "plainfilm"
FILES = sorted(path for path in ROOT.rglob("*.py"))
FOUNDATION = (
    *("errors", "types", "config", "limited_yaml", "plugins", "seeding", "geometry", "progress", "compiled"),
)
ORDER = (
    *(
        "foundation",
        "io",
        "image_analysis",
        "pages",
        "text",
        "labelling",
        "prompts",
        "metrics",
        "phantom",
        "sources",
        "download",
        "collection",
        "interchange",
        "nn",
        "batches",
        "datasets",
        "models",
        "model_folder",
    ),
    *(
        "objectives",
        "evaluators",
        "training",
        "checkpoints",
        "predictor",
        "bank",
        "tasks",
        "results",
        "export",
        "notebook",
        "benchmark",
        "dicom_output",
        "dicomweb",
        "serve",
        "finetuning",
        "reproduce",
        "estimate",
        "doctor",
        "demo",
        "cli",
    ),
)
UNSAFE = ("torch.load", "pickle.load", "pickle.loads")
MAY_NOT = {
    "metrics": {"io", "text", "labelling"},
    "nn": {"collection", "sources", "phantom", "batches"},
    "models": {"collection", "sources", "phantom", "batches"},
    "predictor": {"objectives", "training"},
    "bank": {"objectives", "training"},
    "tasks": {"objectives", "training"},
    "serve": {"objectives", "training"},
}


def layer(module: str) -> str:
    part = module.split(".")[1] if "." in module else "foundation"
    return "foundation" if part in FOUNDATION or part not in ORDER else part


def layer_of_file(path: Path) -> str:
    relative = path.relative_to(ROOT)
    if relative.name == "__main__.py":
        return "cli"
    return layer(f"plainfilm.{relative.parts[0].removesuffix('.py')}")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("plainfilm"):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= set(names) if node.module == "plainfilm" else {node.module}
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("plainfilm.")}
    return found


def type_checking_only(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            found |= {
                part.module for part in ast.walk(node) if isinstance(part, ast.ImportFrom) and part.module
            }
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_flow_one_way(path: Path) -> None:
    if path.parent == ROOT and path.name == "__init__.py":
        return  # the package's front door opens onto every floor
    own = layer_of_file(path)
    for module in imports(path) - type_checking_only(path):
        if module.startswith("plainfilm.__"):
            continue
        other = layer(module)
        assert ORDER.index(other) <= ORDER.index(own), f"{own} imports {module}, which stands to its right"
        assert other not in MAY_NOT.get(own, set()), f"{own} may not import {module}"


def functions(path: Path) -> list[tuple[str, int]]:
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if ast.get_docstring(node):
                first = node.body[0]
                length -= (first.end_lineno or first.lineno) - first.lineno + 1
            found.append((f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", length))
    return found


def test_functions_are_short() -> None:
    lengths = sorted((length, where) for path in FILES for where, length in functions(path))
    values = [length for length, _ in lengths]
    assert lengths[-1][0] <= 75, lengths[-1]
    assert values[int(0.9 * len(values))] <= 40
    assert statistics.median(values) <= 11


def test_files_are_short() -> None:
    assert {
        str(path): count for path in FILES if (count := len(path.read_text("utf-8").splitlines())) > 400
    } == {}


def depth(node: ast.AST, level: int = 0) -> int:
    nested = (ast.For, ast.While, ast.If, ast.With, ast.Try)
    deepest = level
    for child in ast.iter_child_nodes(node):
        is_elif = isinstance(node, ast.If) and isinstance(child, ast.If) and child in node.orelse
        inner = level + 1 if isinstance(child, nested) and not is_elif else level
        deepest = max(deepest, depth(child, inner))
    return deepest


def test_nothing_is_nested_deeper_than_three() -> None:
    deep = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef) and depth(node) > 3
    ]
    assert deep == []


def code_lines(path: Path) -> list[tuple[int, str]]:
    text = path.read_text("utf-8")
    imported = {
        number
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    kept = [(number, " ".join(line.split())) for number, line in enumerate(text.splitlines(), 1)]
    return [
        (number, line)
        for number, line in kept
        if len(line) > 3 and not line.startswith("#") and number not in imported
    ]


def test_no_block_of_eight_lines_stands_twice() -> None:
    places: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path in FILES:
        lines = code_lines(path)
        for start in range(len(lines) - 7):
            block = tuple(line for _, line in lines[start : start + 8])
            places[block].append(f"{path.relative_to(ROOT)}:{lines[start][0]}")
    assert [where for where in places.values() if len(where) > 1] == []


def test_pickles_are_never_loaded_unsafely() -> None:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "torch.load",
                "pickle.load",
                "pickle.loads",
            ):
                keywords = {item.arg: ast.unparse(item.value) for item in node.keywords}
                assert keywords.get("weights_only") == "True", f"{path}:{node.lineno}"


def test_importing_the_package_imports_no_torch() -> None:
    code = "import plainfilm, plainfilm.cli.main as m, sys; m.build_app(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


KINDS = {path.stem for path in (ROOT / "models").glob("*.py")} - {"__init__", "base"}
MAKERS = ("checkpoints",)
"""Folders that make models of a kind and therefore name it."""


KINDS_OF_BOXES = ("box.kind", "table['kind']")
"""The kind of a box may be "region" too."""


def kinds_asked_for(path: Path) -> set[str]:
    """The concrete kinds of model whose file is imported, or whose name is compared with."""
    found = {
        name
        for module in imports(path)
        for name in KINDS
        if f"{module}.".startswith(f"plainfilm.models.{name}.")
    }
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        sides = [node.left, *node.comparators] if isinstance(node, ast.Compare) else []
        if any(ast.unparse(side) in KINDS_OF_BOXES for side in sides):
            continue
        found |= {one.value for one in sides if isinstance(one, ast.Constant) and one.value in KINDS}
    return found


def test_no_file_asks_for_a_concrete_kind_of_model() -> None:
    outside = [path for path in FILES if path.relative_to(ROOT).parts[0] not in ("models", *MAKERS)]
    asked = {str(path.relative_to(ROOT)): kinds_asked_for(path) for path in outside}
    assert {path: kinds for path, kinds in asked.items() if kinds} == {}


def test_a_question_for_a_kind_is_noticed(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.py"
    wrong.write_text(
        "from plainfilm.models.dual_encoder import DualEncoder\n"
        "def f(recipe):\n    return recipe.model['use'] == 'classifier'\n"
    )
    assert kinds_asked_for(wrong) == {"dual_encoder", "classifier"}


def test_only_what_runs_on_phantoms_imports_them() -> None:
    users = {
        str(path.relative_to(ROOT))
        for path in FILES
        if path.relative_to(ROOT).parts[0] != "phantom"
        and any(layer(module) == "phantom" for module in imports(path))
    }
    assert users == {"cli/phantom.py", "demo/__init__.py", "reproduce/steps.py"}


READS = {"is_file", "is_dir", "exists", "glob", "rglob", "iterdir", "stat", "open", "read_text", "read_bytes"}
READS |= {"walk", "scandir", "listdir"}
OPENS_OTHERWISE = {"paths", "PillowImage"}
OF_THIS_MACHINE = {("dicom_folder.py", "is_file")}
"""The key of the pseudonyms, which never lies in object storage."""


def test_sources_open_what_may_lie_in_object_storage() -> None:
    """Raw data may lie where `pathlib` reads nothing, so sources ask `io.paths` and `io.archives`."""
    found = set()
    for path in (ROOT / "sources").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            owner = node.func.value
            if node.func.attr in READS and not (isinstance(owner, ast.Name) and owner.id in OPENS_OTHERWISE):
                found.add((path.name, node.func.attr))
    assert found == OF_THIS_MACHINE
