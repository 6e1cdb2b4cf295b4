"""Ctrl-C: one line and exit status 130, within two seconds, whatever the command is doing.

It raises `KeyboardInterrupt` as always, so that blocks end in order. But Python hears of it only between two
of its own instructions, and threads and processes may want to be waited for; a thread therefore ends the
process when it is still there after a while. What is on disk is whole at any moment, so nothing is lost.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

STATUS = 130
_GRACE_S = 1.3


@contextmanager
def watched(say: Callable[[], object]) -> Iterator[threading.Event]:
    """While open, and after it if Ctrl-C came, the process ends soon after Ctrl-C; `say` tells why.

    The event is set when Ctrl-C came.

    Where Ctrl-C is ignored, as under `nohup`, it stays so.
    """
    came, is_main = threading.Event(), threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield came
        return
    receiver, sender = socket.socketpair()
    sender.setblocking(False)
    before = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(receiver, came, say), name="interrupts", daemon=True).start()
    try:
        yield came
    finally:
        signal.set_wakeup_fd(before)
        sender.close()


def _watch(receiver: socket.socket, came: threading.Event, say: Callable[[], object]) -> None:
    while received := receiver.recv(64):
        if signal.SIGINT in received:
            break
    else:
        return
    came.set()
    _end_workers()  # so that nobody waits for them
    time.sleep(_GRACE_S)
    say()
    leave()


def leave() -> NoReturn:
    """End this process now, without waiting for its threads."""
    _end_workers()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
    os._exit(STATUS)


def _end_workers() -> None:
    """End the processes that this one has started and would wait for."""
    processes = sys.modules.get("plainfilm.io.processes")
    if processes is not None:
        processes.end_all()
