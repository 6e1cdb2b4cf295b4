"""What befalls a patient: which findings come, stay, worsen and go over the studies, and how films are taken.

Each patient follows one story. Findings that go together come together: oedema with a large heart and
fluid, tubes with the critically ill, a drain with the air or fluid it is there for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from plainfilm.phantom.truth import Finding
from plainfilm.types import View

PRESENT = 0.06
"""The least severity at which a finding is there at all."""


@dataclass(frozen=True)
class Course:
    """One finding over all studies of a patient: its severity at each, 0 where absent."""

    finding: Finding
    levels: tuple[float, ...]


@dataclass(frozen=True)
class Visit:
    """One study before any film is taken: what is there, what was there, and the views."""

    findings: tuple[Finding, ...]
    earlier: tuple[Finding, ...]
    views: tuple[View, ...]
    story: str
    first: bool


class _Chart:
    """Collects the courses of one patient."""

    def __init__(self, studies: int, rng: np.random.Generator) -> None:
        self.studies, self.rng = studies, rng
        self.courses: list[Course] = []

    def maybe(self, chance: float) -> bool:
        return bool(self.rng.random() < chance)

    def side(self) -> str:
        return str(self.rng.choice(["right", "left"]))

    def one(self, *options: str) -> str:
        return str(self.rng.choice(options))

    def add(
        self,
        kind: str,
        course: str,
        side: str | None = None,
        site: str | None = None,
        variant: str | None = None,
        cause: str | None = None,
        severity: tuple[float, float] = (0.15, 1.0),
    ) -> None:
        """Adds a finding that follows `course`: lasting, waning, growing, passing or arriving."""
        start = float(self.rng.uniform(*severity))
        levels = _COURSES[course](start, self.studies, self.rng)
        key, seed = f"f{len(self.courses)}", int(self.rng.integers(2**31))
        finding = Finding(key, kind, side, site, 0.0, seed, variant, cause)
        self.courses.append(Course(finding, tuple(float(np.clip(level, 0, 1)) for level in levels)))


def _lasting(start: float, count: int, rng: np.random.Generator) -> np.ndarray:
    return np.full(count, start)


def _waning(start: float, count: int, rng: np.random.Generator) -> np.ndarray:
    return start * np.cumprod(
        np.concatenate([[1.0], rng.choice([1.0, 0.65, 0.4, 0.0], count - 1, p=[0.3, 0.3, 0.25, 0.15])])
    )


def _growing(start: float, count: int, rng: np.random.Generator) -> np.ndarray:
    return np.minimum(
        start * 0.6 + np.concatenate([[0.0], np.cumsum(rng.choice([0.0, 0.2, 0.3], count - 1))]), 1.0
    )


def _passing(start: float, count: int, rng: np.random.Generator) -> np.ndarray:
    steps = rng.choice([-0.35, 0.0, 0.0, 0.25], count - 1)
    levels = np.clip(start + np.concatenate([[0.0], np.cumsum(steps)]), 0, 1)
    return np.where(levels < 0.12, 0.0, levels)


def _arriving(start: float, count: int, rng: np.random.Generator) -> np.ndarray:
    begin = int(rng.integers(0, count))
    levels = np.zeros(count)
    levels[begin:] = _waning(start, count - begin, rng)
    return levels


_COURSES: dict[str, Callable[[float, int, np.random.Generator], np.ndarray]] = {
    "lasting": _lasting,
    "waning": _waning,
    "growing": _growing,
    "passing": _passing,
    "arriving": _arriving,
}


def _healthy(chart: _Chart) -> None:
    if chart.maybe(0.04):
        chart.add("rib_fracture", "lasting", chart.side(), variant="healed")


def _heart_failure(chart: _Chart) -> None:
    if chart.maybe(0.85):
        chart.add("cardiomegaly", "lasting", severity=(0.1, 1.0))
    if chart.maybe(0.62):
        chart.add("edema", chart.one("waning", "passing", "arriving"), severity=(0.15, 0.95))
    if chart.maybe(0.6):
        main = chart.side()
        chart.add("effusion", chart.one("waning", "passing"), main, severity=(0.1, 0.65))
        if chart.maybe(0.55):
            other = "left" if main == "right" else "right"
            chart.add("effusion", chart.one("waning", "passing"), other, severity=(0.1, 0.5))
    if chart.maybe(0.3):
        chart.add(
            "pacemaker",
            "lasting",
            chart.one("left", "left", "left", "right"),
            variant=chart.one("dual", "single"),
        )
    if chart.maybe(0.3):
        chart.add("sternal_wires", "lasting")
    if chart.maybe(0.25):
        _basal_collapse(chart)


def _infection(chart: _Chart) -> None:
    kind = chart.one("consolidation", "opacity", "opacity")
    side, site = chart.side(), chart.one("upper", "mid", "lower", "lower", "lower")
    lobar = kind == "consolidation" and chart.maybe(0.4)
    cause = chart.one("pneumonia", "pneumonia?")
    course = chart.one("waning", "arriving", "passing")
    chart.add(kind, course, side, site, "lobar" if lobar else "patchy", cause, (0.25, 1.0))
    if chart.maybe(0.25):
        chart.add(
            "opacity", course, chart.side(), chart.one("upper", "mid", "lower"), "patchy", cause, (0.2, 0.8)
        )
    if chart.maybe(0.3):
        chart.add("effusion", "waning", side, severity=(0.1, 0.5))
    if chart.maybe(0.12):
        chart.add("central_line", "lasting", "right", variant="picc")


def _critical(chart: _Chart) -> None:
    if chart.maybe(0.72):
        chart.add(
            "tracheal_tube",
            chart.one("lasting", "waning"),
            variant=chart.one("good", "good", "good", "high", "low"),
        )
        if chart.maybe(0.75):
            chart.add("feeding_tube", "lasting")
    if chart.maybe(0.75):
        variant = chart.one("jugular", "jugular", "subclavian", "picc")
        chart.add("central_line", "lasting", chart.one("right", "right", "left"), variant=variant)
    if chart.maybe(0.45):
        chart.add("edema", chart.one("passing", "waning", "growing"), severity=(0.2, 1.0))
    for side in ("right", "left"):
        if chart.maybe(0.42):
            chart.add("effusion", chart.one("passing", "waning", "growing"), side, severity=(0.1, 0.8))
    if chart.maybe(0.45):
        _basal_collapse(chart)
    if chart.maybe(0.45):
        cause = chart.one("pneumonia?", "none")
        kind = chart.one("consolidation", "opacity", "opacity")
        chart.add(
            kind,
            "passing",
            chart.side(),
            chart.one("mid", "lower", "upper"),
            "patchy",
            cause if cause != "none" else None,
            (0.3, 1.0),
        )
    if chart.maybe(0.25):
        chart.add("cardiomegaly", "lasting", severity=(0.1, 0.8))


def _after_surgery(chart: _Chart) -> None:
    if chart.maybe(0.85):
        chart.add("sternal_wires", "lasting")
    if chart.maybe(0.5):
        side = chart.side()
        chart.add("chest_tube", chart.one("lasting", "waning"), side, variant=chart.one("apical", "basal"))
        if chart.maybe(0.55):
            chart.add("pneumothorax", "waning", side, severity=(0.1, 0.5))
    if chart.maybe(0.4):
        chart.add("central_line", "waning", "right", variant="jugular")
    if chart.maybe(0.5):
        chart.add("effusion", "waning", chart.one("left", "left", "right"), severity=(0.1, 0.5))
    if chart.maybe(0.65):
        _basal_collapse(chart)
    if chart.maybe(0.35):
        chart.add("cardiomegaly", "lasting", severity=(0.1, 0.7))
    if chart.maybe(0.3):
        chart.add("wide_mediastinum", "waning", variant="wide", severity=(0.3, 0.9))


def _injury(chart: _Chart) -> None:
    side = chart.side()
    if chart.maybe(0.62):
        chart.add("rib_fracture", "lasting", side, variant="acute", severity=(0.2, 1.0))
    if chart.maybe(0.3):
        chart.add("clavicle_fracture", "lasting", side, severity=(0.3, 1.0))
    if chart.maybe(0.55):
        tension = chart.maybe(0.15)
        chart.add(
            "pneumothorax",
            chart.one("waning", "passing"),
            side,
            None,
            "tension" if tension else "simple",
            None,
            (0.45, 1.0) if tension else (0.1, 0.8),
        )
        if chart.maybe(0.4):
            chart.add("chest_tube", "lasting", side, variant="apical")
    if chart.maybe(0.25):
        chart.add("opacity", "waning", side, chart.one("mid", "lower"), "patchy", None, (0.3, 0.9))
    if chart.maybe(0.15):
        chart.add("wide_mediastinum", "lasting", variant="wide", severity=(0.4, 1.0))


def _tumour(chart: _Chart) -> None:
    kind = chart.one("nodule", "mass")
    side = chart.side()
    chart.add(
        kind,
        chart.one("lasting", "growing"),
        side,
        chart.one("upper", "mid", "lower"),
        None,
        None,
        (0.2, 1.0),
    )
    if kind == "nodule" and chart.maybe(0.35):
        chart.add("nodule", "growing", chart.side(), chart.one("upper", "mid", "lower"))
    if chart.maybe(0.35):
        chart.add("effusion", chart.one("growing", "passing"), side, severity=(0.15, 1.0))
    if chart.maybe(0.3):
        chart.add("wide_mediastinum", "lasting", variant="wide", severity=(0.3, 1.0))
    if chart.maybe(0.3):
        chart.add("central_line", "lasting", "right", variant="picc")


def _old_age(chart: _Chart) -> None:
    choice = chart.one("pleura", "pleura", "aorta", "plate", "heart", "calcified", "wires", "pacemaker")
    if choice == "pleura":
        chart.add(
            chart.one("pleural_thickening", "pleural_plaques"), "lasting", chart.side(), severity=(0.3, 1.0)
        )
    elif choice == "aorta":
        chart.add("wide_mediastinum", "lasting", variant="aorta", severity=(0.3, 1.0))
    elif choice == "plate":
        _basal_collapse(chart)
    elif choice == "heart":
        chart.add("cardiomegaly", "lasting", severity=(0.05, 0.7))
    elif choice == "calcified":
        chart.add(
            "nodule",
            "lasting",
            chart.side(),
            chart.one("upper", "mid", "lower"),
            "calcified",
            None,
            (0.1, 0.6),
        )
    elif choice == "wires":
        chart.add("sternal_wires", "lasting")
    else:
        chart.add("pacemaker", "lasting", "left", variant="dual")


def _basal_collapse(chart: _Chart) -> None:
    kind = chart.one("plate_atelectasis", "plate_atelectasis", "lobar_atelectasis")
    chart.add(
        kind,
        chart.one("passing", "waning", "lasting"),
        chart.one("left", "left", "right"),
        severity=(0.2, 0.9),
    )


STORIES: dict[str, tuple[float, Callable[[_Chart], None]]] = {
    "healthy": (0.33, _healthy),
    "heart_failure": (0.15, _heart_failure),
    "infection": (0.16, _infection),
    "critical": (0.13, _critical),
    "after_surgery": (0.07, _after_surgery),
    "injury": (0.06, _injury),
    "tumour": (0.05, _tumour),
    "old_age": (0.08, _old_age),
}
"""Each story's share of patients, and how it is told."""

_AT_BEDSIDE = {"critical": 0.95, "after_surgery": 0.65, "heart_failure": 0.5, "injury": 0.5, "infection": 0.3}


def draw_visits(count: int, rng: np.random.Generator) -> list[Visit]:
    """The `count` studies of one patient, in time."""
    names = list(STORIES)
    shares = np.array([STORIES[name][0] for name in names])
    story = str(rng.choice(names, p=shares / shares.sum()))
    chart = _Chart(count, rng)
    STORIES[story][1](chart)
    visits: list[Visit] = []
    earlier: tuple[Finding, ...] = ()
    for index in range(count):
        findings = _findings_at(chart.courses, index)
        visits.append(Visit(findings, earlier, _draw_views(story, rng), story, index == 0))
        earlier = findings
    return visits


def _findings_at(courses: list[Course], index: int) -> tuple[Finding, ...]:
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
