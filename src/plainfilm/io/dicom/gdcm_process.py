"""GDCM in a process of its own, because on pictures that it does not expect it ends the process it runs in.

It decodes what no other library here does: lossless JPEG, JPEG of 12 bits, and JPEG 2000 that OpenJPEG by
itself does not take. The process starts with the
first such picture (a fifth of a second), serves all that follow and ends with its parent. A process of a pool
decodes by itself: whoever started it goes on when it dies (see `io.processes`).
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib
import json
import multiprocessing
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from typing import IO, Any

from plainfilm.errors import ImageError
from plainfilm.io.optional import missing
from plainfilm.io.processes import keep_memory

SECONDS = 120.0
"""A picture that takes longer is given up."""

_GRACE_SECONDS = 2.0
_PIPE_BYTES = 1 << 20
"""As much as Linux allows: a film has 16 times as much."""

_LENGTHS = struct.Struct("<II")


def decode(frame: bytes, width: int, height: int, samples: int, bits: int, syntax: str) -> bytes:
    """The samples of a picture, pixel after pixel, of one byte or of two (little endian).

    `syntax` is GDCM's name of the transfer syntax.

    Raises:
        ImageError: it cannot be decoded. MissingDependency: GDCM is not installed.
    """
    asked: dict[str, Any] = {
        "width": width,
        "height": height,
        "samples": samples,
        "bits": bits,
        "syntax": syntax,
    }
    try:
        if multiprocessing.parent_process() is not None or not sys.executable:
            decoded = _decode(frame, **asked)
        else:
            decoded = _process(os.getpid()).ask(asked, frame)
    except ImportError:
        raise missing("gdcm", "dicom", "its compression") from None
    if len(decoded) != width * height * samples * (1 if bits <= 8 else 2):
        raise ImageError("the pixels cannot be decoded (GDCM gives another number of them)")
    return decoded


def _decode(frame: bytes, width: int, height: int, samples: int, bits: int, syntax: str) -> bytes:
    gdcm = importlib.import_module("gdcm")
    gdcm.Trace.WarningOff()
    gdcm.Trace.ErrorOff()
    fragment, fragments = gdcm.Fragment(), gdcm.SequenceOfFragments.New()
    fragment.SetByteStringValue(frame)
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((width, height, 1))
    image.SetDataElement(element)
    # With RGB it leaves three samples as they are coded.
    kind = gdcm.PhotometricInterpretation.MONOCHROME2 if samples == 1 else gdcm.PhotometricInterpretation.RGB
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(kind))
    if samples > 1:
        image.SetPlanarConfiguration(0)
    image.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, syntax)))
    image.SetPixelFormat(gdcm.PixelFormat(samples, 8 if bits <= 8 else 16, bits, bits - 1, 0))
    decoded: bytes = image.GetBuffer().encode("utf-8", "surrogateescape")
    return decoded


class _Process:
    """A running decoder, asked by one thread at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: subprocess.Popen[bytes] | None = None

    def ask(self, asked: dict[str, Any], frame: bytes) -> bytes:
        with self._lock:
            running = self._started()
            begun, timer = time.monotonic(), threading.Timer(SECONDS, running.kill)
            timer.start()
            try:
                ok, answer = _exchange(running, json.dumps(asked).encode(), frame)
            except (OSError, EOFError):
                self._running = None
                raise ImageError(_epitaph(_ended(running), time.monotonic() - begun)) from None
            finally:
                timer.cancel()
        if ok:
            return answer
        if not answer:
            raise ImportError("gdcm")
        raise ImageError(f"the pixels cannot be decoded ({answer.decode()})")

    def _started(self) -> subprocess.Popen[bytes]:
        if self._running is None or self._running.poll() is not None:
            self._running = subprocess.Popen(
                [sys.executable, "-m", "plainfilm.io.dicom.gdcm_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                pipesize=_PIPE_BYTES,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            )
            atexit.register(_ended, self._running)
        return self._running


@functools.cache
def _process(parent: int) -> _Process:
    """The decoder of a process; one that was forked has its own."""
    return _Process()


def _epitaph(status: int, seconds: float) -> str:
    if seconds >= SECONDS:
        return f"the pixels cannot be decoded (it took longer than {SECONDS:.0f} s)"
    how = signal.Signals(-status).name if status < 0 else f"status {status}"
    return f"the pixels cannot be decoded (they crash their decoder: {how})"


def _ended(running: subprocess.Popen[bytes]) -> int:
    """The exit status of a process that is at its end, or is brought to it."""
    assert running.stdin is not None
    with contextlib.suppress(OSError):
        running.stdin.close()  # at which it ends by itself
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.wait(_GRACE_SECONDS)
    running.kill()
    with running:  # which closes the other pipe
        return running.wait()


def _exchange(running: subprocess.Popen[bytes], asked: bytes, frame: bytes) -> tuple[bool, bytes]:
    assert running.stdin is not None
    assert running.stdout is not None
    running.stdin.write(_LENGTHS.pack(len(asked), len(frame)))
    running.stdin.write(asked)
    running.stdin.write(frame)
    running.stdin.flush()
    ok, length = _LENGTHS.unpack(_read(running.stdout, _LENGTHS.size))
    return bool(ok), _read(running.stdout, length)


def _read(stream: IO[bytes], length: int) -> bytes:
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


def _serve() -> None:
    """Answers what comes in until there is no more."""
    keep_memory()
    questions = sys.stdin.buffer
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not mix with the answers
    while head := questions.read(_LENGTHS.size):
        asked_length, frame_length = _LENGTHS.unpack(head)
        asked = json.loads(_read(questions, asked_length))
        frame = _read(questions, frame_length)
        try:
            ok, answer = 1, _decode(frame, **asked)
        except ImportError:
            ok, answer = 0, b""
        except Exception as error:  # whatever it is, the process that asked words it
            ok, answer = 0, " ".join(f"GDCM: {error}".split()).encode()[:160]
        answers.write(_LENGTHS.pack(ok, len(answer)))
        answers.write(answer)
        answers.flush()


if __name__ == "__main__":
    _serve()
