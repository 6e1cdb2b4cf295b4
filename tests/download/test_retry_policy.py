from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from plainfilm.download.retry_policy import Exhausted, Retriable, RetryPolicy, Stopped, requested_wait


class Fails:
    """Fails some times, then gives an answer; `gained` grows by `each` with every failure."""

    def __init__(self, times: int, each: int = 0, wait_s: float | None = None) -> None:
        self.left, self.each, self.wait_s, self.gained = times, each, wait_s, 0

    def __call__(self) -> str:
        if self.left:
            self.left -= 1
            self.gained += self.each
            raise Retriable("dropped", self.wait_s)
        return "answer"


def test_it_tries_again() -> None:
    assert RetryPolicy(4, first_wait_s=0).run(Fails(3), "x") == "answer"


def test_it_gives_up() -> None:
    with pytest.raises(Exhausted, match="film: dropped, 3 times in a row"):
        RetryPolicy(3, first_wait_s=0).run(Fails(3), "film")


def test_gains_renew_its_patience() -> None:
    fails = Fails(20, each=1)
    assert RetryPolicy(3, first_wait_s=0).run(fails, "x", lambda: fails.gained) == "answer"


def test_a_stop_ends_a_wait() -> None:
    retries = RetryPolicy(first_wait_s=3600, longest_wait_s=3600)
    threading.Timer(0.05, retries.stop.set).start()
    with pytest.raises(Stopped):
        retries.run(Fails(1), "x")


def test_a_long_wait_is_told() -> None:
    heard: list[str] = []
    retries = RetryPolicy(log=heard.append)
    threading.Timer(0.05, retries.stop.set).start()
    with pytest.raises(Stopped):
        retries.run(Fails(1, wait_s=30), "x")
    assert heard == ["dropped; trying again in 30 s"]


def test_what_a_server_asks_for_holds_for_all() -> None:
    retries = RetryPolicy()
    threading.Timer(0.05, retries.stop.set).start()
    with pytest.raises(Stopped):
        retries.run(Fails(1, wait_s=30), "x")
    retries.stop.clear()
    threading.Timer(0.05, retries.stop.set).start()
    with pytest.raises(Stopped):
        retries.wait()


def test_a_date_to_come_back_at() -> None:
    moment = datetime.now(UTC) + timedelta(seconds=100)
    assert requested_wait(format_datetime(moment, usegmt=True)) == pytest.approx(100, abs=5)
    assert requested_wait(None) is None
