from __future__ import annotations

import json
from pathlib import Path

import pytest

from plainfilm.download import credentials
from plainfilm.download.credentials import Credentials
from plainfilm.errors import UsageError
from plainfilm.progress import SILENT

HOST = "physionet.org"


class Heard:
    """A progress that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)

    track = SILENT.track


def write(path: Path, text: str, mode: int = 0o600) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(mode)


def test_a_secret_is_not_in_the_repr() -> None:
    assert repr(Credentials("me", "secret")) == "Credentials(...)"


def test_basic_and_bearer() -> None:
    assert Credentials("Aladdin", "open sesame").authorization() == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert Credentials("", "token").authorization() == "Bearer token"


def test_the_environment_comes_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write(tmp_path / ".netrc", f"machine {HOST} login other password other")
    monkeypatch.setenv("PHYSIONET_USER", "me")
    monkeypatch.setenv("PHYSIONET_PW", "secret")
    assert credentials.physionet(HOST, None, None) == Credentials("me", "secret")


def test_then_netrc(tmp_path: Path) -> None:
    write(tmp_path / ".netrc", f"machine {HOST} login me password secret")
    assert credentials.physionet(HOST, None, None) == Credentials("me", "secret")
    assert credentials.physionet(HOST, "me", None) == Credentials("me", "secret")


def test_netrc_of_another_user_or_host_is_not_taken(tmp_path: Path) -> None:
    write(tmp_path / ".netrc", f"machine {HOST} login me password secret")
    for host, user in ((HOST, "you"), ("mirror.example", None)):
        with pytest.raises(UsageError, match="no user and password for"):
            credentials.physionet(host, user, None)


def test_a_broken_netrc_is_told_without_its_words(tmp_path: Path) -> None:
    write(tmp_path / ".netrc", f"machine {HOST} login me pasword s3cret")
    with pytest.raises(UsageError, match=r"\.netrc: line 1 cannot be read") as caught:
        credentials.physionet(HOST, None, None)
    assert "s3cret" not in str(caught.value)


def test_then_a_question_that_knows_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHYSIONET_USER", "me")
    found = credentials.physionet(HOST, None, lambda host, user: (f"{user}", f"of {host}"))
    assert found == Credentials("me", f"of {HOST}")


def test_a_user_with_a_colon_is_refused() -> None:
    with pytest.raises(UsageError, match="must not contain a colon"):
        credentials.physionet(HOST, None, lambda host, user: ("a:b", "c"))


def test_kaggle_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_USERNAME", "me")
    monkeypatch.setenv("KAGGLE_KEY", "key")
    assert credentials.kaggle(SILENT) == Credentials("me", "key")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "token")
    assert credentials.kaggle(SILENT) == Credentials("", "token")


@pytest.mark.parametrize(("mode", "warnings"), [(0o600, 0), (0o644, 1)])
def test_kaggle_from_its_file(tmp_path: Path, mode: int, warnings: int) -> None:
    write(tmp_path / ".kaggle" / "kaggle.json", json.dumps({"username": "me", "key": "key"}), mode)
    heard = Heard()
    assert credentials.kaggle(heard) == Credentials("me", "key")
    assert len(heard.lines) == warnings


def test_kaggle_from_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    write(tmp_path / "config" / "kaggle.json", json.dumps({"username": "me", "key": "key"}))
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(tmp_path / "config"))
    assert credentials.kaggle(SILENT) == Credentials("me", "key")


@pytest.mark.parametrize("text", ["not json s3cret", '{"username": "me"}', "[]"])
def test_another_file_is_told_without_its_words(tmp_path: Path, text: str) -> None:
    write(tmp_path / ".kaggle" / "kaggle.json", text)
    with pytest.raises(UsageError, match=r"kaggle.json: not a Kaggle token file") as caught:
        credentials.kaggle(SILENT)
    assert "s3cret" not in str(caught.value)


def test_no_token_for_kaggle_says_where_to_get_one() -> None:
    with pytest.raises(UsageError, match=r"https://www.kaggle.com/settings"):
        credentials.kaggle(SILENT)
