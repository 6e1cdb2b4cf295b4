"""Results of real evaluations of the small world, and of a task that Plainfilm does not know."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import pytest

from plainfilm.config import build
from plainfilm.predictor import load
from plainfilm.tasks import retrieval, zero_shot
from plainfilm.tasks.base import task

GROUNDING = str(Path(__file__).parent / "tasks" / "grounding.py")
VOID = {"meta", "img", "br", "input"}
SELF_CLOSED = {"line", "circle", "image", "rect", "polyline"}


class Page(HTMLParser):
    """A page taken apart: notes every tag with its attributes, and fails on one that does not close."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict]] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        assert tag in SELF_CLOSED
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def all(self, tag):
        """The attributes of every such tag."""
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="session")
def taken_apart():
    return Page


@pytest.fixture(scope="session")
def results(tiny_model, small_world):
    config = build(retrieval.Config, {"resamples": 100}, "task")
    return retrieval.run(load(tiny_model), [small_world], config)


@pytest.fixture(scope="session")
def classified(tiny_model, small_world):
    config = build(zero_shot.Config, {"resamples": 100}, "task")
    return zero_shot.run(load(tiny_model), [small_world], config)


@pytest.fixture(scope="session")
def grounded(tiny_model, small_world):
    """By settings, the results of the task of `tasks/grounding.py`."""

    def evaluated(**settings):
        module = task(GROUNDING)
        return module.run(load(tiny_model), [small_world], build(module.Config, settings, "task"))

    return evaluated
