from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm import plugins
from plainfilm.errors import ConfigError


def test_the_folder_is_the_list() -> None:
    assert {"infonce", "self_distillation"} <= set(plugins.names("objective"))
    assert "base" not in plugins.names("objective")


@pytest.mark.parametrize("kind", plugins.KINDS)
def test_every_file_of_a_folder_has_what_its_kind_needs(kind: str) -> None:
    found = plugins.names(kind)
    assert found
    for name in found:
        module = plugins.resolve(kind, name)
        assert [part for part in plugins._PARTS[kind] if not hasattr(module, part)] == []


@pytest.mark.parametrize(
    ("kind", "written", "missing"),
    [
        ("model", "Config = TINY = PURPOSE = LIMITS = 1\n", "build"),
        ("target", "def open_target(source): ...\n", "example"),
        ("evaluator", "Config, NEEDS = 1, ()\ndef build(config, context): ...\n", "metrics"),
        ("objective", "Config = 1\ndef build(config, model): ...\n", "NEEDS"),
    ],
)
def test_a_file_of_each_kind_says_what_it_lacks(
    kind: str, written: str, missing: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(written)
    with pytest.raises(ConfigError, match=rf"{kind} '.*mine.py': has no {missing}; docs/extending.md"):
        plugins.resolve(kind, str(tmp_path / "mine.py"))


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="unknown objective 'infonec': did you mean 'infonce'"):
        plugins.resolve("objective", "infonec")


def test_a_file_of_the_users_own_is_found(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("Config = dict\ndef run():\n    return 42\n")
    module = plugins.resolve("task", str(tmp_path / "mine.py"))
    assert module.run() == 42
    assert plugins.resolve("task", str(tmp_path / "mine.py")) is module


def test_a_file_without_a_part_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("Config = dict\n")
    with pytest.raises(ConfigError, match=r"mine.py': has no run"):
        plugins.resolve("task", str(tmp_path / "mine.py"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere.py': no such file"):
        plugins.resolve("task", str(tmp_path / "nowhere.py"))


def test_a_module_that_cannot_be_imported_is_named() -> None:
    with pytest.raises(ConfigError, match="no module named my_lab"):
        plugins.resolve("source", "my_lab.corpus")
