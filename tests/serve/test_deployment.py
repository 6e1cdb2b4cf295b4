"""The files of examples/serve: commands that the command line takes, and servers behind a proxy."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from plainfilm.cli.main import build_app
from tests.serve.test_load import served

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "serve"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text("utf-8"))
OURS = {name: one for name, one in COMPOSE["services"].items() if "build" in one}
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


def dockerfile_command() -> list[str]:
    (found,) = re.findall(r"^CMD (\[.*\])$", (FOLDER / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    return json.loads(found)


@pytest.mark.parametrize("words", [dockerfile_command(), *(one["command"] for one in OURS.values())])
def test_the_command_line_takes_the_commands(words: list[str]) -> None:
    verb, *arguments = words
    command = typer.main.get_command(build_app()).commands[verb]  # type: ignore[attr-defined]
    with command.make_context(verb, arguments, resilient_parsing=False):
        pass


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


@pytest.mark.slow
def test_servers_behind_a_proxy_are_one(region_model: Path, dicom_file: Path, tmp_path: Path) -> None:
    import http.client

    if NGINX is None:
        pytest.skip("nginx is not installed: apt-get install nginx-light")
    with ExitStack() as stack:
        ports = [stack.enter_context(served(region_model))[0] for _ in range(2)]
        proxy = free_port()
        settings = (FOLDER / "nginx.conf").read_text("utf-8")
        for stated, port in zip(("8001", "8002", "8000"), (*ports, proxy), strict=True):
            settings = re.sub(
                rf"^( +(?:server|listen) 127\.0\.0\.1:){stated};", rf"\g<1>{port};", settings, flags=re.M
            )
        places = f"pid {tmp_path}/pid; error_log {tmp_path}/log; daemon off;\n"
        (tmp_path / "nginx.conf").write_text(places + settings)
        command = [NGINX, "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
        process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        stack.callback(process.terminate)
        asked: set[int] = set()
        for number in range(1, 9):
            link = http.client.HTTPConnection("127.0.0.1", proxy, 60, source_address=(f"127.0.2.{number}", 0))
            stack.callback(link.close)
            connected(link)
            film = json.loads(said(link, "POST", "/api/films?name=a.dcm", dicom_file.read_bytes())[1])[
                "film_id"
            ]
            assert {said(link, "GET", f"/api/films/{film}")[0] for _ in range(3)} == {200}
            for port in ports:
                direct = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
                stack.callback(direct.close)
                asked |= {port} if said(direct, "GET", f"/api/films/{film}")[0] == 200 else set()
        assert asked == set(ports)


def said(link: Any, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """The status and the body of an answer."""
    link.request(method, path, body)
    answer = link.getresponse()
    return answer.status, answer.read()


def free_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def connected(link: Any) -> None:
    """Wait until the proxy listens."""
    end = time.monotonic() + 30
    while True:
        try:
            link.connect()
        except ConnectionRefusedError:
            assert time.monotonic() < end
            time.sleep(0.1)
        else:
            return
