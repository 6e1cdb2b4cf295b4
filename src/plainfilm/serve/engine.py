"""Runs the model: one question at a time, in the order they come, and few may wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from plainfilm.io import limits
from plainfilm.serve.problems import Problem

Answer = TypeVar("Answer")

_AGAIN_S = 2


class Engine:
    """A queue before one thread, which is called `name`: the only one that calls the models.

    A question holds its place until it is answered, also when nobody waits for the answer any more.
    """

    def __init__(self, name: str = "model") -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Questions that are not answered."""
        return self._waiting

    async def run(self, function: Callable[[], Answer]) -> Answer:
        """The answer of `function`, called in the thread of the model.

        Raises:
            Problem: too many questions wait, or the answer takes too long.
        """
        if self._waiting >= limits.MOST_WAITING:
            raise Problem("busy", f"{self._waiting} questions wait already; ask again soon", _AGAIN_S)
        self._waiting += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, function)
        future.add_done_callback(self._done)
        try:
            return await asyncio.wait_for(asyncio.shield(future), limits.SECONDS_TO_ANSWER)
        except TimeoutError:
            raise Problem(
                "timeout", f"no answer within {limits.SECONDS_TO_ANSWER:g} s; ask for less at a time"
            ) from None

    def _done(self, future: asyncio.Future[Answer]) -> None:
        self._waiting -= 1
        if not future.cancelled():
            future.exception()  # retrieved, where nobody waits for it any more

    def close(self) -> None:
        """Let the present question end and drop those that wait."""
        self._pool.shutdown(wait=True, cancel_futures=True)
