"""Names of files inside installed packages."""

from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.errors import ModelError
from plainfilm.io.packages import local_path


def test_a_file_inside_a_package_is_found() -> None:
    found = local_path("package:plainfilm/io/packages.py")
    assert found is not None
    assert found.name == "packages.py"
    assert found.is_file()


def test_a_package_alone_is_its_folder() -> None:
    found = local_path("package:plainfilm")
    assert found is not None
    assert (found / "errors.py").is_file()


def test_an_existing_path_is_itself(tmp_path: Path) -> None:
    assert local_path(str(tmp_path)) == tmp_path


def test_a_hub_name_is_not_a_path() -> None:
    assert local_path("somebody/some-model") is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("package:not_installed_here", "try: pip install not-installed-here"),
        ("package:plainfilm/nothing", "holds no 'nothing'"),
        ("package:plainfilm/../../secret", "holds no"),
        ("./nothing", "no such file or folder"),
        ("/nothing/at/all", "no such file or folder"),
    ],
)
def test_what_is_not_there_is_an_error_that_says_so(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        local_path(name)
