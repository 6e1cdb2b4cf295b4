"""What befalls patients: the stories that each of them follows one of, as courses of findings.

Findings that go together come together: oedema with a large heart and fluid, tubes with the critically
ill, a drain with the air or fluid it is there for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from plainfilm.phantom.truth import Finding

_LOST_DRAINS = ("outside", "pigtail_outside")
"""Variants of a chest tube that has come out of the pleural space."""
_ASTRAY = 1 / 3
"""How often a tube at the bedside is not where it should be."""


@dataclass(frozen=True)
class FindingTrajectory:
    """One finding over all studies of a patient: its severity at each, 0 where absent."""

    finding: Finding
    levels: tuple[float, ...]


class PatientScenario:
    """Collects the courses of one patient: `studies` studies, chances drawn from `rng`."""

    def __init__(self, studies: int, rng: np.random.Generator) -> None:
        self.studies, self.rng = studies, rng
        self.courses: list[FindingTrajectory] = []

    def maybe(self, chance: float) -> bool:
        """Whether something of that chance happens."""
        return bool(self.rng.random() < chance)

    def side(self) -> str:
        """Either side."""
        return str(self.rng.choice(["right", "left"]))

    def one(self, *options: str) -> str:
        """One of `options`, all alike."""
        return str(self.rng.choice(options))

    def placed(self, well: tuple[str, ...], badly: tuple[str, ...], chance: float = 0.25) -> str:
        """A variant of a tube or line that ends where it should or, by `chance`, does not."""
        return self.one(*badly) if self.maybe(chance) else self.one(*well)

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
        self.courses.append(
            FindingTrajectory(finding, tuple(float(np.clip(level, 0, 1)) for level in levels))
        )


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


def _healthy(chart: PatientScenario) -> None:
    if chart.maybe(0.04):
        chart.add("rib_fracture", "lasting", chart.side(), variant="healed")


def _heart_failure(chart: PatientScenario) -> None:
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


def _infection(chart: PatientScenario) -> None:
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


def _critical(chart: PatientScenario) -> None:
    if chart.maybe(0.72):
        placed = chart.placed(("good",), ("high", "low", "bronchial"))
        chart.add("tracheal_tube", chart.one("lasting", "waning"), variant=placed)
        if chart.maybe(0.75):
            placed = chart.placed(("good",), ("high", "coiled", "bronchial"))
            chart.add("feeding_tube", "lasting", variant=placed)
    if chart.maybe(0.75):
        variant = chart.placed(("jugular", "jugular", "subclavian", "picc"), ("malpositioned",))
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


def _after_surgery(chart: PatientScenario) -> None:
    if chart.maybe(0.85):
        chart.add("sternal_wires", "lasting")
    if chart.maybe(0.5):
        side = chart.side()
        variant = chart.placed(("apical", "basal", "apical", "basal", "pigtail"), _LOST_DRAINS, 0.15)
        chart.add("chest_tube", chart.one("lasting", "waning"), side, variant=variant)
        if chart.maybe(0.55):
            chart.add("pneumothorax", "waning", side, severity=(0.1, 0.5))
        if chart.maybe(0.35):
            chart.add("subcutaneous_emphysema", "waning", side, severity=(0.15, 0.9))
    if chart.maybe(0.12):
        chart.add("pneumomediastinum", "waning", severity=(0.1, 0.7))
    if chart.maybe(0.12):
        chart.add("foreign_body", "lasting", chart.side(), variant="clips", severity=(0.2, 1.0))
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


def _injury(chart: PatientScenario) -> None:
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
            variant = chart.placed(("apical", "apical", "pigtail"), _LOST_DRAINS, 0.15)
            chart.add("chest_tube", "lasting", side, variant=variant)
        if chart.maybe(0.45):
            chart.add("subcutaneous_emphysema", "waning", side, severity=(0.15, 1.0))
        if chart.maybe(0.2):
            chart.add("pneumomediastinum", "waning", severity=(0.1, 1.0))
    if chart.maybe(0.16):
        _foreign_body(chart, side)
    if chart.maybe(0.25):
        chart.add("opacity", "waning", side, chart.one("mid", "lower"), "patchy", None, (0.3, 0.9))
    if chart.maybe(0.15):
        chart.add("wide_mediastinum", "lasting", variant="wide", severity=(0.4, 1.0))


def _foreign_body(chart: PatientScenario, side: str) -> None:
    if chart.maybe(0.3):
        chart.add("foreign_body", "lasting", variant="coin", severity=(0.2, 1.0))
        return
    form, site = chart.one("needle", "bullet"), chart.one("upper", "mid", "lower")
    chart.add("foreign_body", "lasting", side, site, form, severity=(0.2, 1.0))


def _tumour(chart: PatientScenario) -> None:
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


def _old_age(chart: PatientScenario) -> None:
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
    if chart.maybe(0.2):
        chart.add("hernia", "lasting", severity=(0.1, 1.0))


def _chronic_lung(chart: PatientScenario) -> None:
    kind = chart.one(*["emphysema"] * 5, *["fibrosis"] * 3, *["tuberculosis"] * 2)
    if kind == "emphysema":
        chart.add(kind, "lasting", severity=(0.15, 1.0))
        if chart.maybe(0.12):
            chart.add("pneumothorax", "passing", chart.side(), None, "simple", None, (0.15, 0.6))
    elif kind == "fibrosis":
        variant = "interstitial" if chart.maybe(0.35) else None
        chart.add(kind, chart.one("lasting", "growing"), variant=variant, severity=(0.2, 1.0))
        if chart.maybe(0.15):
            chart.add("cardiomegaly", "lasting", severity=(0.1, 0.6))
    else:
        _tuberculosis(chart)
    if kind != "tuberculosis" and chart.maybe(0.12):
        chart.add("nodule", "growing", chart.side(), chart.one("upper", "mid", "lower"))


def _tuberculosis(chart: PatientScenario) -> None:
    side, course = chart.side(), chart.one("lasting", "waning", "passing")
    chart.add("tuberculosis", course, side, "upper", severity=(0.2, 1.0))
    if chart.maybe(0.3):
        other = "left" if side == "right" else "right"
        chart.add("tuberculosis", course, other, "upper", severity=(0.2, 0.7))
    if chart.maybe(0.2):
        chart.add("effusion", "waning", side, severity=(0.1, 0.5))
    elif chart.maybe(0.3):
        chart.add("pleural_thickening", "lasting", side, severity=(0.3, 0.9))


def _bedside(chart: PatientScenario) -> None:
    """Films taken to see where tubes and lines end: each of them often, and a third of them astray."""
    if chart.maybe(0.55):
        placed = chart.placed(("good",), ("high", "low", "bronchial"), _ASTRAY)
        chart.add("tracheal_tube", "lasting", variant=placed)
    if chart.maybe(0.55):
        placed = chart.placed(("good",), ("high", "coiled", "bronchial"), _ASTRAY)
        chart.add("feeding_tube", "lasting", variant=placed)
    if chart.maybe(0.45):
        variant = chart.placed(("jugular", "jugular", "subclavian", "picc"), ("malpositioned",))
        chart.add("central_line", "lasting", chart.one("right", "right", "left"), variant=variant)
    side = chart.side()
    if chart.maybe(0.5):
        lost_tube, lost_pigtail = _LOST_DRAINS
        if chart.one("tube", "pigtail") == "tube":
            variant = chart.placed(("apical", "basal"), (lost_tube,), _ASTRAY)
        else:
            variant = chart.placed(("pigtail",), (lost_pigtail,), _ASTRAY)
        chart.add("chest_tube", "lasting", side, variant=variant)
    if chart.maybe(0.3):
        chart.add("pneumothorax", chart.one("waning", "passing"), side, None, "simple", None, (0.3, 1.0))
    if chart.maybe(0.25):
        chart.add("subcutaneous_emphysema", chart.one("waning", "lasting"), side, severity=(0.3, 1.0))
    if chart.maybe(0.15):
        chart.add("pneumomediastinum", "waning", severity=(0.3, 1.0))
    if chart.maybe(0.12):
        _foreign_body(chart, side)
    if chart.maybe(0.3):
        chart.add("effusion", "passing", chart.side(), severity=(0.1, 0.6))
    if chart.maybe(0.3):
        chart.add("cardiomegaly", "lasting", severity=(0.1, 0.8))


def _basal_collapse(chart: PatientScenario) -> None:
    kind = chart.one("plate_atelectasis", "plate_atelectasis", "lobar_atelectasis")
    chart.add(
        kind,
        chart.one("passing", "waning", "lasting"),
        chart.one("left", "left", "right"),
        severity=(0.2, 0.9),
    )


STORIES: dict[str, tuple[float, Callable[[PatientScenario], None]]] = {
    "healthy": (0.33, _healthy),
    "heart_failure": (0.15, _heart_failure),
    "infection": (0.16, _infection),
    "critical": (0.13, _critical),
    "after_surgery": (0.07, _after_surgery),
    "injury": (0.06, _injury),
    "tumour": (0.05, _tumour),
    "old_age": (0.08, _old_age),
    "chronic_lung": (0.075, _chronic_lung),
    "bedside": (0.0, _bedside),
}
"""Each story's share of patients, and how it is told; a layout may have shares of its own."""
