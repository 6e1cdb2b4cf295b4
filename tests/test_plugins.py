from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm import plugins
from plainfilm.errors import ConfigError


def test_the_folder_is_the_list() -> None:
    assert {"infonce", "self_distillation"} <= set(plugins.names("objective"))
    assert "base" not in plugins.names("objective")


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
