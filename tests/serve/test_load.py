"""A server under load, and with clients that send too much, too slowly, or nothing at all."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@contextmanager
def served(model: Path, *options: str, **changed: float) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The port and the process of a server with options and other limits."""
    limits = "; ".join(f"limits.{name} = {value}" for name, value in changed.items())
    code = f"from plainfilm.io import limits; {limits}\nfrom plainfilm.cli.main import main; main()"
    command = [sys.executable, "-c", code, "serve", str(model), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline().strip().rstrip("/").rpartition(":")[2]), process
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def impatient(region_model: Path) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    with served(region_model, SECONDS_TO_RECEIVE=2.0, SECONDS_FOR_A_HEAD=1.0) as found:
        yield found


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    finally:
        connection.close()


def most_memory_mb(process: int) -> float:
    (line,) = (one for one in Path(f"/proc/{process}/status").read_text().splitlines() if "VmHWM" in one)
    return int(line.split()[1]) / 1000


def sent_in_parts(port: int, parts: int, part: bytes, stated: int | None) -> tuple[int, str]:
    """The answer to a film that arrives in so many parts, or until the server has had enough."""
    head = f"Content-Length: {stated}" if stated else "Transfer-Encoding: chunked"
    framed = part if stated else b"%x\r\n%s\r\n" % (len(part), part)
    with socket.create_connection(("127.0.0.1", port), timeout=120) as link:
        link.sendall(f"POST /api/films HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}\r\n\r\n".encode())
        try:
            for _ in range(parts):
                link.sendall(framed)
        except OSError:
            pass  # it has answered, and reads no more
        answer = http.client.HTTPResponse(link)
        answer.begin()
        return answer.status, json.loads(answer.read())["error"]["code"]


@pytest.mark.parametrize("stated", [2 << 30, None], ids=["stated", "chunked"])
def test_two_gigabytes_are_refused_without_being_held(region_model: Path, stated: int | None) -> None:
    with served(region_model) as (port, process):
        assert answers(port)
        before = most_memory_mb(process.pid)
        assert sent_in_parts(port, 2048, b"\0" * (1 << 20), stated) == (413, "too_large")
        assert most_memory_mb(process.pid) < before + 150
        assert answers(port)


def test_films_that_arrive_too_slowly_are_ended_and_others_are_answered(
    impatient: tuple[int, subprocess.Popen[str]],
) -> None:
    port, _ = impatient
    assert answers(port)
    head = b"POST /api/films HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n"
    with ExitStack() as stack:
        links = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 60)) for _ in range(30)]
        for link in links:
            link.sendall(head + b"x")
        assert answers(port)
        for link in links:
            assert link.recv(100).startswith(b"HTTP/1.1 408 ")
    assert answers(port)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: 127.0"])
def test_connections_that_send_no_request_do_not_hold_the_server(
    impatient: tuple[int, subprocess.Popen[str]], sent: bytes
) -> None:
    port, _ = impatient
    with ExitStack() as stack:
        links = [stack.enter_context(socket.create_connection(("127.0.0.1", port), 60)) for _ in range(220)]
        for link in links:
            link.sendall(sent)
        for link in links:
            assert link.recv(100) == b""  # closed
        assert answers(port)


def test_eight_clients_at_once_see_no_error_and_memory_stays(region_model: Path) -> None:
    command = [sys.executable, str(ROOT / "benchmarks" / "serve_load.py"), str(region_model)]
    options = ["--clients", "8", "--seconds", "20", "--size", "256", "--json"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=True, cwd=ROOT)
    found = json.loads(done.stdout)
    assert found["errors"] == {}
    for what in ("open", "display", "values", "findings", "locate", "describe", "report", "remove"):
        assert found["requests"][what]["n"] >= 1
    assert found["memory_mb"]["last"] < found["memory_mb"]["first"] + 60
    assert found["descriptors"]["most"] < 100
