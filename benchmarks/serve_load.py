"""A server under load: seconds of each kind of request, errors, memory and file descriptors.

    python benchmarks/serve_load.py MODEL [--clients 8] [--seconds 120] [--size 512] [--json]

MODEL is what `plainfilm serve` takes. The server runs as a process of its own; each client, with an address
of its own on loopback, opens a phantom film, fetches it, asks all that the model answers, removes it, over
and over. Memory (the server's, with the process that opens films) and descriptors are read once a second;
the first third of the time does not count, as caches fill.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from plainfilm.phantom import render
from plainfilm.phantom.dicom_files import write_dicom

PHRASES = ("pleural effusion", "cardiomegaly", "left lung")
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Load:
    """What was seen. seconds: by kind of request. errors: by kind and status. memory: MB."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    memory: list[float] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)


class Client:
    """One person's browser: a connection from an address of its own."""

    def __init__(self, port: int, number: int, load: Load) -> None:
        source = (f"127.0.1.{number + 1}", 0)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120, source_address=source)
        self._load = load

    def ask(self, what: str, method: str, path: str, body: Any = None) -> Any:
        """The answer to a request; its time is noted under `what`."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        began = time.perf_counter()
        try:
            self._connection.request(method, path, content, {"Content-Type": kind})
            answer = self._connection.getresponse()
            said, status = answer.read(), answer.status
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            self._load.errors[f"{what} {type(error).__name__}"] += 1
            return None
        self._load.seconds[what].append(time.perf_counter() - began)
        if status >= 400:
            self._load.errors[f"{what} {status}"] += 1
            return None
        is_json = (answer.getheader("Content-Type") or "").startswith("application/json")
        return json.loads(said) if is_json else said

    def visit(self, film: bytes, offers: set[str], number: int) -> None:
        """Open a film, look at it, ask, and remove it."""
        held = self.ask("open", "POST", "/api/films?name=film.dcm", film)
        if held is None:
            return
        path = f"/api/films/{held['film_id']}"
        self.ask("display", "GET", f"{path}/display")
        if held["bits"] > 8:
            self.ask("values", "GET", f"{path}/values")
        box = {"x0": 10, "y0": 10, "x1": held["width"] / 2, "y1": held["height"] / 2}
        questions: dict[str, Any] = {
            "findings": None,
            "locate": {"texts": [PHRASES[number % len(PHRASES)]]},
            "describe": {"boxes": [box]},
            "map": {"text": PHRASES[number % len(PHRASES)]},
            "report": None,
        }
        for what, body in questions.items():
            if what in offers and (what != "report" or number % 5 == 0):
                self.ask(what, "POST", f"{path}/{what}", body)
        self.ask("remove", "DELETE", path)


def run_load(model: Path, clients: int, seconds: float, film: bytes) -> Load:
    """Put a server of `model` under the load of so many clients."""
    load = Load()
    with serving(model) as (port, process):
        first = Client(port, 0, load)
        offers = set(first.ask("model", "GET", "/api/model")["offers"])
        first.visit(film, offers, 0)
        until = time.monotonic() + seconds

        def work(number: int) -> None:
            client, visits = Client(port, number, load), 0
            while time.monotonic() < until:
                client.visit(film, offers, number + visits)
                visits += 1

        threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(min(1.0, seconds / 20))
            load.memory.append(memory_mb(process.pid))
            load.descriptors.append(sum(1 for _ in Path(f"/proc/{process.pid}/fd").iterdir()))
    return load


@contextmanager
def serving(model: Path) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """The port and the process of a server."""
    command = [sys.executable, "-m", "plainfilm", "serve", str(model), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        try:
            yield int(address.rstrip("/").rpartition(":")[2]), process
        finally:
            process.terminate()


def memory_mb(process: int) -> float:
    """The memory of a process and of those below it in MB; what they share counts for each."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    total = pages * PAGE_BYTES / 1e6
    # A thread has the processes that it started, until it ends.
    for thread in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(OSError):  # it has ended
            total += sum(memory_mb(int(child)) for child in (thread / "children").read_text().split())
    return total


def summary(load: Load) -> dict[str, Any]:
    """Percentiles by kind of request, and how memory and descriptors went after the first third."""
    late = slice(len(load.memory) // 3, None)
    memory, descriptors = load.memory[late], load.descriptors[late]
    ends = max(1, len(memory) // 4)
    before, after = (statistics.median(part) for part in (memory[:ends], memory[-ends:]))
    return {
        "requests": {
            what: {"n": len(times)}
            | {f"p{at}": round(float(np.percentile(times, at)), 4) for at in (50, 95, 99)}
            for what, times in sorted(load.seconds.items())
        },
        "errors": dict(load.errors),
        "memory_mb": {"first": round(before, 1), "last": round(after, 1), "most": round(max(load.memory), 1)},
        "descriptors": {"least": min(descriptors), "most": max(descriptors)},
    }


def main(say: Callable[[str], None] = print) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--size", type=int, default=512, help="pixels of a side of the film")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "film.dcm"
        write_dicom(file, render(size=options.size), spacing_mm=0.5)
        found = summary(run_load(options.model, options.clients, options.seconds, file.read_bytes()))
    if options.json:
        say(json.dumps(found))
        return
    for what, row in found["requests"].items():
        times = "  ".join(f"{name} {1000 * row[name]:7.0f} ms" for name in ("p50", "p95", "p99"))
        say(f"{what:10} n {row['n']:5}  {times}")
    say(f"errors: {found['errors'] or 'none'}")
    say("memory: {first} MB, at the end {last} MB, at most {most} MB".format(**found["memory_mb"]))
    say("file descriptors: {least} to {most}".format(**found["descriptors"]))


if __name__ == "__main__":
    main()
