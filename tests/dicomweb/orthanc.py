"""A real Orthanc with its DICOMweb plug-in, on a port of its own, that can be killed and started again."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pydicom
import pytest
import requests

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
INSTALL = "apt-get install orthanc orthanc-dicomweb"
_STARTS_WITHIN_S = 60.0
_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.88.34": "structured report",
    "1.2.840.10008.5.1.4.1.1.11.1": "presentation state",
    "1.2.840.10008.5.1.4.1.1.7": "secondary capture",
}


class Orthanc:
    """The server and its database below `folder`."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._root = f"http://127.0.0.1:{self.port}"
        self.url = f"{self._root}/dicom-web"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        settings = {
            "StorageDirectory": str(folder / "db"),
            "IndexDirectory": str(folder / "db"),
            "HttpPort": self.port,
            "DicomServerEnabled": False,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "Plugins": [str(PLUGIN)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }
        (folder / "orthanc.json").write_text(json.dumps(settings))

    def start(self) -> None:
        """Start the server and wait until it answers."""
        with (self._folder / "log").open("ab") as log:
            command = [executable() or "Orthanc", str(self._folder / "orthanc.json")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + _STARTS_WITHIN_S
        while time.monotonic() < end:
            try:
                requests.get(f"{self._root}/system", timeout=2).raise_for_status()
                return
            except requests.RequestException:
                time.sleep(0.1)
        raise AssertionError((self._folder / "log").read_text()[-2000:])

    def kill(self) -> None:
        """End the server as a loss of power does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def put(self, path: Path) -> None:
        """Store a film as a modality sends it: with file meta information."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = pydicom.dcmread(path, force=True)
            if "TransferSyntaxUID" not in dataset.file_meta:
                dataset.file_meta.TransferSyntaxUID = pydicom.uid.ImplicitVRLittleEndian
            whole = self._folder / "whole.dcm"
            dataset.save_as(whole, enforce_file_format=True)
        requests.post(f"{self._root}/instances", data=whole.read_bytes(), timeout=60).raise_for_status()

    def results(self) -> dict[str, list[Any]]:
        """All objects that are no films, by kind."""
        found: dict[str, list[Any]] = {kind: [] for kind in _CLASSES.values()}
        for one in requests.get(f"{self._root}/instances", timeout=60).json():
            content = requests.get(f"{self._root}/instances/{one}/file", timeout=60).content
            dataset = pydicom.dcmread(pydicom.filebase.DicomBytesIO(content), force=True)
            if str(dataset.SOPClassUID) in _CLASSES:
                found[_CLASSES[str(dataset.SOPClassUID)]].append(dataset)
        return found

    def counts(self) -> list[int]:
        """How many reports, presentation states and captures there are."""
        found = []
        for modality in ("SR", "PR", "OT"):
            query = {"Level": "Instance", "Query": {"Modality": modality}}
            answer = requests.post(f"{self._root}/tools/find", json=query, timeout=60)
            found.append(len(answer.json()))
        return found


def executable() -> str | None:
    """The path of the server, which Debian puts beside the commands of the administrator."""
    return shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin:/usr/local/sbin")


@contextmanager
def running(folder: Path) -> Iterator[Orthanc]:
    """An empty server; the test is skipped where Orthanc is not installed."""
    if executable() is None or not PLUGIN.is_file():
        pytest.skip(f"Orthanc with its DICOMweb plug-in is not installed: {INSTALL}")
    server = Orthanc(folder)
    try:
        server.start()
        yield server
    finally:
        server.kill()
