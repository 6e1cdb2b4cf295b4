"""The queue before the model: few wait, and an answer that takes too long is given up."""

from __future__ import annotations

import asyncio
import threading

import pytest

from plainfilm.io import limits
from plainfilm.serve.engine import Engine
from plainfilm.serve.problems import Problem


def test_more_questions_than_may_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_WAITING", 2)
    go = threading.Event()

    async def ask() -> tuple[str, list[bool], int]:
        engine = Engine()
        held = [asyncio.create_task(engine.run(go.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Problem) as refusal:
            await engine.run(go.wait)
        go.set()
        answers = [await one for one in held]
        await asyncio.sleep(0)
        engine.close()
        return refusal.value.code, answers, engine.waiting

    assert asyncio.run(ask()) == ("busy", [True, True], 0)


def test_an_answer_that_takes_too_long_is_given_up_and_still_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECONDS_TO_ANSWER", 0.01)
    go = threading.Event()

    async def ask() -> tuple[str, int, int]:
        engine = Engine()
        with pytest.raises(Problem) as problem:
            await engine.run(go.wait)
        before = engine.waiting
        go.set()
        while engine.waiting:
            await asyncio.sleep(0.001)
        engine.close()
        return problem.value.code, before, engine.waiting

    assert asyncio.run(ask()) == ("timeout", 1, 0)


def test_questions_are_answered_one_at_a_time_in_their_order() -> None:
    seen: list[int] = []

    async def ask() -> None:
        engine = Engine()
        await asyncio.gather(*(engine.run(lambda number=number: seen.append(number)) for number in range(20)))
        engine.close()

    asyncio.run(ask())
    assert seen == list(range(20))
