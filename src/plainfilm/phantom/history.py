"""What becomes of a patient: which findings come, stay, worsen and go, and how films are taken.

Each patient follows one of `stories.STORIES`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from plainfilm.phantom.scenarios import STORIES, FindingTrajectory, PatientScenario
from plainfilm.phantom.truth import Finding
from plainfilm.types import View

PRESENT = 0.06
"""The least severity at which a finding is there at all."""


@dataclass(frozen=True)
class Visit:
    """One study before any film is taken: what is there, what was there, and the views."""

    findings: tuple[Finding, ...]
    earlier: tuple[Finding, ...]
    views: tuple[View, ...]
    story: str
    first: bool


_AT_BEDSIDE = {
    "bedside": 0.97,
    "critical": 0.95,
    "after_surgery": 0.65,
    "heart_failure": 0.5,
    "injury": 0.5,
    "infection": 0.3,
}


def draw_visits(
    count: int, rng: np.random.Generator, stories: Mapping[str, float] | None = None
) -> list[Visit]:
    """The `count` studies of one patient, in time; `stories` are the shares of the stories there are."""
    chances = stories or {name: share for name, (share, _) in STORIES.items()}
    shares = np.array(list(chances.values()))
    story = str(rng.choice(list(chances), p=shares / shares.sum()))
    chart = PatientScenario(count, rng)
    STORIES[story][1](chart)
    visits: list[Visit] = []
    earlier: tuple[Finding, ...] = ()
    for index in range(count):
        findings = _findings_at(chart.courses, index)
        visits.append(Visit(findings, earlier, _draw_views(story, rng), story, index == 0))
        earlier = findings
    return visits


def _findings_at(courses: list[FindingTrajectory], index: int) -> tuple[Finding, ...]:
    """What is there at study `index`. Chest wall, devices and heart do not change much and say so."""
    found = []
    for course in courses:
        level = course.levels[index]
        if level < PRESENT:
            continue
        before = course.levels[index - 1] if index else None
        found.append(replace(course.finding, severity=level, change=_change(before, level)))
    return tuple(found)


def _change(before: float | None, now: float) -> str | None:
    if before is None:
        return None
    if before < PRESENT:
        return "new"
    if now - before > 0.1:
        return "worse"
    return "better" if before - now > 0.1 else "stable"


def _draw_views(story: str, rng: np.random.Generator) -> tuple[View, ...]:
    bedside = rng.random() < _AT_BEDSIDE.get(story, 0.12)
    chance = rng.random()
    if bedside:
        view = View.AP_SUPINE if story in ("critical", "injury") and rng.random() < 0.4 else View.AP
        return (view, view) if chance < 0.1 else (view,)
    if chance < 0.76:
        return (View.PA, View.LATERAL)
    if chance < 0.92:
        return (View.PA,)
    return (View.LATERAL,) if chance < 0.93 else (View.PA, View.PA, View.LATERAL)
