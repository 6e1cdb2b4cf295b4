"""`plainfilm serve` as a process: it tells its address, logs no names, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

SECRET = "Quuxley-Esmeralda"


def request(address: str, path: str, body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(urllib.request.Request(address + path, data=body), timeout=60) as answer:
        return answer.read()


@pytest.mark.slow
@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_server_from_start_to_end(
    ending: signal.Signals, region_model: Path, dicom_file: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "plainfilm", "serve", str(region_model), "--port", "0"]
    places = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=places
    ) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        film = json.loads(request(address, f"api/films?name={SECRET}.dcm", dicom_file.read_bytes()))
        asked = json.dumps({"texts": [SECRET]}).encode()
        with pytest.raises(urllib.error.HTTPError):  # the JSON is not stated to be some
            request(address, f"api/films/{film['film_id']}/locate", asked + b"x")
        held = list(tmp_path.iterdir())
        process.send_signal(ending)
        _, said = process.communicate(timeout=60)
    assert any(path.name.startswith("plainfilm-serve-") for path in held)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("plainfilm-serve-")]
    assert SECRET not in said
    assert "Traceback" not in said
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    assert {"/api/films", "/api/films/{film_id}/locate"} <= {line.get("route") for line in lines}


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    import socket

    from plainfilm.errors import UsageError
    from plainfilm.serve import ServerSettings
    from plainfilm.serve.running import listening

    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = ServerSettings(port=taken.getsockname()[1])
        with pytest.raises(UsageError, match="is taken: choose another --port"):
            listening(settings)
    with pytest.raises(UsageError, match="cannot be used"):
        listening(ServerSettings(host="203.0.113.7", port=0))
