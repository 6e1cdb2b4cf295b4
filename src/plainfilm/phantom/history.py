"""The course of a patient: findings that appear, persist, worsen and resolve, and the views of each study.

Each patient follows one of `scenarios.SCENARIOS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from plainfilm.phantom.scenarios import SCENARIOS, FindingTrajectory, PatientScenario
from plainfilm.phantom.truth import Finding
from plainfilm.types import View

PRESENT = 0.06
"""The lowest severity of a finding that is present."""


@dataclass(frozen=True)
class Visit:
    """One study before its films: present and earlier findings, and the views."""

    findings: tuple[Finding, ...]
    earlier: tuple[Finding, ...]
    views: tuple[View, ...]
    scenario: str
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
    count: int, rng: np.random.Generator, scenarios: Mapping[str, float] | None = None
) -> list[Visit]:
    """The `count` studies of one patient, in time; `scenarios` holds their probabilities by name."""
    chances = scenarios or {name: share for name, (share, _) in SCENARIOS.items()}
    shares = np.array(list(chances.values()))
    scenario = str(rng.choice(list(chances), p=shares / shares.sum()))
    trajectories = PatientScenario(count, rng)
    SCENARIOS[scenario][1](trajectories)
    visits: list[Visit] = []
    earlier: tuple[Finding, ...] = ()
    for index in range(count):
        findings = _findings_at(trajectories.courses, index)
        visits.append(Visit(findings, earlier, _draw_views(scenario, rng), scenario, index == 0))
        earlier = findings
    return visits


def _findings_at(courses: list[FindingTrajectory], index: int) -> tuple[Finding, ...]:
    """The findings at study `index`. Chest wall, devices and heart change little and get no change."""
    findings = []
    for course in courses:
        level = course.levels[index]
        if level < PRESENT:
            continue
        before = course.levels[index - 1] if index else None
        findings.append(replace(course.finding, severity=level, change=_change(before, level)))
    return tuple(findings)


def _change(before: float | None, now: float) -> str | None:
    if before is None:
        return None
    if before < PRESENT:
        return "new"
    if now - before > 0.1:
        return "worse"
    return "better" if before - now > 0.1 else "stable"


def _draw_views(scenario: str, rng: np.random.Generator) -> tuple[View, ...]:
    bedside = rng.random() < _AT_BEDSIDE.get(scenario, 0.12)
    chance = rng.random()
    if bedside:
        view = View.AP_SUPINE if scenario in ("critical", "injury") and rng.random() < 0.4 else View.AP
        return (view, view) if chance < 0.1 else (view,)
    if chance < 0.76:
        return (View.PA, View.LATERAL)
    if chance < 0.92:
        return (View.PA,)
    return (View.LATERAL,) if chance < 0.93 else (View.PA, View.PA, View.LATERAL)
