from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import Field

from plainfilm.config import Settings, build, override, read_yaml
from plainfilm.errors import ConfigError


class Inner(Settings):
    RENAMED: ClassVar = {"rounds": "training.epochs"}

    epochs: int = 1


class Outer(Settings):
    training: Inner = Inner()
    parts: dict[str, Inner] = Field(default_factory=dict)
    source: str = Field(default="", alias="from")
    name: str


def test_an_unknown_key_names_the_nearest_right_one() -> None:
    with pytest.raises(ConfigError, match=r"tiny.yaml: unknown key 'training.epoch': did you mean 'epochs'"):
        build(Outer, {"name": "x", "training": {"epoch": 2}}, "tiny.yaml")


def test_a_key_below_a_name_of_the_users_gets_the_nearest_too() -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'parts.image.epoch': did you mean 'epochs'"):
        build(Outer, {"name": "x", "parts": {"image": {"epoch": 2}}}, "tiny.yaml")


def test_a_key_is_suggested_as_it_is_written() -> None:
    with pytest.raises(ConfigError, match="unknown key 'frm': did you mean 'from'"):
        build(Outer, {"name": "x", "frm": "y"}, "tiny.yaml")


def test_a_key_of_an_earlier_version_is_refused_with_its_present_name() -> None:
    with pytest.raises(
        ConfigError, match=r"tiny.yaml: unknown key 'training.rounds': it is 'training.epochs' now"
    ):
        build(Outer, {"name": "x", "training": {"rounds": 2}}, "tiny.yaml")


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ConfigError, match="tiny.yaml: key 'name' is missing"):
        build(Outer, {}, "tiny.yaml")


def test_a_bad_value_is_shown() -> None:
    with pytest.raises(ConfigError, match="'training.epochs' is 'many'"):
        build(Outer, {"name": "x", "training": {"epochs": "many"}}, "tiny.yaml")


def test_overrides_are_dotted_and_leave_the_original_alone() -> None:
    values = {"training": {"epochs": 1}}
    assert override(values, ["training.epochs=5", "a.b=[1, 2]"]) == {
        "training": {"epochs": 5},
        "a": {"b": [1, 2]},
    }
    assert values == {"training": {"epochs": 1}}


@pytest.mark.parametrize("assignment", ["epochs", "=3"])
def test_an_override_without_a_key_or_value_is_refused(assignment: str) -> None:
    with pytest.raises(ConfigError, match="key=value"):
        override({}, [assignment])


def test_an_override_below_a_plain_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="'seed' has a value"):
        override({"seed": 0}, ["seed.x=1"])


@pytest.mark.parametrize("value", [True, False])
def test_true_and_false_are_no_numbers(value: bool) -> None:
    with pytest.raises(ConfigError, match=rf"'epochs' is {str(value).lower()}: it does not take true"):
        build(Outer, {"name": "x", "training": {"epochs": value}}, "tiny.yaml")


def test_an_override_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"'a.b=\[1': '\[1' is not a value"):
        override({}, ["a.b=[1"])


def test_yaml_that_does_not_parse_names_the_line(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("a: 1\nb: [1\n")
    with pytest.raises(ConfigError, match=r"r.yaml: line 3: not valid YAML"):
        read_yaml(tmp_path / "r.yaml")


def test_yaml_that_is_a_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("- 1\n")
    with pytest.raises(ConfigError, match="expected a mapping"):
        read_yaml(tmp_path / "r.yaml")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        read_yaml(tmp_path / "none.yaml")
