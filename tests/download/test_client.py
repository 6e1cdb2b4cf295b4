from __future__ import annotations

from pathlib import Path

import pytest

from plainfilm.download.client import Client, Refused, base_address, shown
from plainfilm.download.credentials import Credentials
from plainfilm.download.retry_policy import RetryPolicy
from plainfilm.errors import DownloadError, UsageError
from tests.download.server import BASIC, PASSWORD, USER, Server

WHO = Credentials(USER, PASSWORD)


def client(base: str) -> Client:
    return Client(base, WHO, retries=RetryPolicy(2, first_wait_s=0.01), timeout_s=5)


def test_credentials_go_to_their_origin() -> None:
    with Server({"/x": b"content"}) as server, client(server.address) as ours:
        assert ours.read(f"{server.address}/x", 100) == b"content"
        assert server.asked("/x")[0]["Authorization"] == BASIC


def test_credentials_follow_a_redirect_within_their_origin() -> None:
    with Server({"/new": b"content"}) as server, client(server.address) as ours:
        server.redirects["/old"] = "/new"
        assert ours.read(f"{server.address}/old", 100) == b"content"


def test_credentials_never_go_to_another_host() -> None:
    with Server({}) as server, Server({"/x": b"content"}, None) as other, client(server.address) as ours:
        server.redirects["/x"] = f"{other.address}/x"
        assert ours.read(f"{server.address}/x", 100) == b"content"
        assert "Authorization" not in other.asked("/x")[0]


def test_a_redirect_to_plain_http_elsewhere_is_not_followed() -> None:
    with Server({}) as server, client(server.address) as ours:
        server.redirects["/x"] = "http://elsewhere.example/x?signature=abc"
        with pytest.raises(DownloadError, match=r"http://elsewhere.example/x, which is not https") as caught:
            ours.read(f"{server.address}/x", 100)
        assert "abc" not in str(caught.value)


def test_a_redirect_in_circles_ends() -> None:
    with Server({}) as server, client(server.address) as ours:
        server.redirects["/x"] = "/x"
        with pytest.raises(DownloadError, match="redirected more than 5 times"):
            ours.read(f"{server.address}/x", 100)


def test_a_login_page_is_a_refusal() -> None:
    with Server({}) as server, client(server.address) as ours:
        server.redirects["/x"] = "/login/?next=/x"
        with pytest.raises(Refused, match="refused"):
            ours.read(f"{server.address}/x", 100)


def test_it_calls_itself_what_physionet_gives_files_to() -> None:
    with Server({"/x": b""}) as server, client(server.address) as ours:
        ours.read(f"{server.address}/x", 100)
        assert server.asked("/x")[0]["User-Agent"].startswith("Wget/")


def test_a_list_that_does_not_end_is_refused() -> None:
    with (
        Server({"/x": bytes(200_000)}) as server,
        client(server.address) as ours,
        pytest.raises(DownloadError, match="/x: sends more than 100,000 bytes"),
    ):
        ours.read(f"{server.address}/x", 100_000)


def test_a_size_that_is_not_said_is_unknown() -> None:
    with Server({"/x": b"content"}) as server, client(server.address) as ours:
        assert ours.size(f"{server.address}/x") == 7
        assert ours.size(f"{server.address}/nothing") is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("http://mirror.example", "give an https address"),
        ("mirror.example", "give an https address"),
        ("https://me:secret@mirror.example", "holds a user, password or query"),
    ],
)
def test_a_mirror_must_be_safe(monkeypatch: pytest.MonkeyPatch, value: str, words: str) -> None:
    monkeypatch.setenv("PLAINFILM_PHYSIONET_URL", value)
    with pytest.raises(UsageError, match=words) as caught:
        base_address("PLAINFILM_PHYSIONET_URL", "https://physionet.org")
    assert "secret" not in str(caught.value)


def test_a_mirror_may_have_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIRROR", "https://mirror.example/physionet/")
    assert base_address("MIRROR", "") == "https://mirror.example/physionet"


def test_an_address_is_shown_without_its_secrets() -> None:
    assert shown("https://me:pw@host:8/a/b?signature=s#f") == "https://host:8/a/b"


def test_no_file_of_the_project_writes_a_secret_into_an_address() -> None:
    package = Path(__file__).parents[2] / "src" / "plainfilm" / "download"
    assert not any("subprocess" in file.read_text("utf-8") for file in package.glob("*.py"))
