"""The files of examples/serve: commands that the command line takes, and servers behind a proxy."""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import shutil
import socket
import subprocess
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from plainfilm.cli.main import build_app, run
from tests.serve.test_load import served

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "serve"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
OURS = {name: one for name, one in COMPOSE["services"].items() if "build" in one}
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def dockerfile_command() -> list[str]:
    (found,) = re.findall(r"^CMD (\[.*\])$", (FOLDER / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    return json.loads(found)


@pytest.mark.parametrize("words", [dockerfile_command(), *(one["command"] for one in OURS.values())])
def test_the_command_line_takes_the_commands(words: list[str]) -> None:
    verb, *arguments = words
    with command_of(verb).make_context(verb, arguments, resilient_parsing=False):
        pass


def command_of(verb: str) -> Any:
    return typer.main.get_command(build_app()).commands[verb]  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", OURS)
def test_services_may_write_where_it_is_meant_and_nowhere_else(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert any(volume.endswith(":/model:ro") for volume in service["volumes"])
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
    assert {volume.split(":")[0] for volume in service["volumes"]} & set(COMPOSE["volumes"])


def test_the_container_runs_as_an_ordinary_user() -> None:
    lines = (FOLDER / "Dockerfile").read_text("utf-8").splitlines()
    assert lines.index("USER plainfilm") < next(at for at, line in enumerate(lines) if line.startswith("CMD"))


def test_what_the_container_is_built_from_is_there_and_sent() -> None:
    lines = (FOLDER / "Dockerfile").read_text("utf-8")
    copied = {name for line in re.findall(r"^COPY (.*)$", lines, re.M) for name in line.split()[:-1]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {"src", "pyproject.toml", project["readme"], *project["license-files"]} <= copied
    assert all((ROOT / name).exists() for name in copied)
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text("utf-8").splitlines()
    assert {line[1:] for line in ignored if line.startswith("!")} == copied
    (extras,) = re.findall(r'"\.\[([\w,-]+)\]"', lines)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


def test_workers_are_refused_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["serve", "/model", "--workers", "2"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--workers" in line


@pytest.mark.slow
def test_servers_behind_a_proxy_are_one(region_model: Path, dicom_file: Path, tmp_path: Path) -> None:
    """Films, jobs and the rate are right for each client; saved work is shared, and outlives a server."""
    sha256 = hashlib.sha256(dicom_file.read_bytes()).hexdigest()
    with ExitStack() as stack:
        options = ("--work", str(tmp_path / "work"))
        running = [stack.enter_context(served(region_model, *options, MOST_REQUESTS=30)) for _ in range(2)]
        proxy = stack.enter_context(proxied([port for port, _ in running], tmp_path))
        clients = [stack.enter_context(client(proxy, f"127.0.2.{number}")) for number in range(1, 9)]
        servers = {port: stack.enter_context(client(port, "127.0.3.1")) for port, _ in running}
        theirs: dict[int, list[Any]] = {port: [] for port in servers}
        for one in clients:
            film = said(one, "POST", "/api/films?name=a.dcm", dicom_file.read_bytes())["film_id"]
            assert {status(one, "GET", f"/api/films/{film}") for _ in range(3)} == {200}
            job = said(one, "POST", "/api/jobs", json.dumps({"films": [film]}).encode())
            assert said(one, "GET", f"/api/jobs/{job['job_id']}")["films"] == 1
            (port,) = (
                p for p, direct in servers.items() if status(direct, "GET", f"/api/films/{film}") == 200
            )
            theirs[port].append(one)
        assert all(theirs.values())
        first, other = (mine[0] for mine in theirs.values())
        film = {"sha256": sha256, "name": "a.dcm", "width": 100, "height": 120}
        work = {"format": "plainfilm-work", "version": 1, "films": [film]}
        kept = said(first, "POST", "/api/work", json.dumps({"work": work}).encode())
        assert kept["kept"] == 1
        assert said(other, "GET", "/api/work") == [kept]

        running[0][1].kill()
        wanted = json.dumps({"sha256": sha256}).encode()
        for one in (first, other):
            assert said(one, "GET", f"/api/work/{kept['work_id']}")["revision"] == kept["revision"]
            again = said(one, "POST", "/api/films/kept", wanted)["film_id"]
            assert status(one, "GET", f"/api/films/{again}/display") == 200
        codes = [status(first, "GET", "/healthz") for _ in range(40)]
        assert (codes[0], codes[-1]) == (200, 429)
        assert status(other, "GET", "/healthz") == 200


@contextmanager
def proxied(ports: list[int], folder: Path) -> Iterator[int]:
    """The port of nginx, with the settings of the example, before two servers."""
    if NGINX is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    settings, proxy = (FOLDER / "nginx.conf").read_text("utf-8"), free_port()
    for stated, port in zip(("8001", "8002", "8000"), (*ports, proxy), strict=True):
        settings = re.sub(
            rf"^( +(?:server|listen) 127\.0\.0\.1:){stated};", rf"\g<1>{port};", settings, flags=re.M
        )
    places = f"pid {folder}/pid; error_log {folder}/log; daemon off;\n"
    (folder / "nginx.conf").write_text(places + settings)
    command = [NGINX, "-p", str(folder), "-c", str(folder / "nginx.conf")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield proxy
        finally:
            process.terminate()


@contextmanager
def client(port: int, address: str) -> Iterator[http.client.HTTPConnection]:
    """A connection from an address of its own, once somebody listens."""
    link, end = (
        http.client.HTTPConnection("127.0.0.1", port, 60, source_address=(address, 0)),
        time.monotonic() + 30,
    )
    while True:
        try:
            link.connect()
            break
        except ConnectionRefusedError:
            assert time.monotonic() < end
            time.sleep(0.1)
    try:
        yield link
    finally:
        link.close()


def asked(link: http.client.HTTPConnection, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
    """The status and the body of an answer."""
    headers = {"Content-Type": "application/json"} if body else {}
    link.request(method, path, body, headers)
    answer = link.getresponse()
    return answer.status, answer.read()


def status(link: http.client.HTTPConnection, method: str, path: str) -> int:
    return asked(link, method, path, None)[0]


def said(link: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> Any:
    """The document of an answer that is no error."""
    code, content = asked(link, method, path, body)
    assert code < 300, content
    return json.loads(content)


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
