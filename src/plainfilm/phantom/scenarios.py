"""Scenarios of patients: each is a set of findings with their courses.

Related findings occur together: oedema with a large heart and fluid, tubes in the critically ill, a drain
with the air or fluid that it is for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from plainfilm.phantom.truth import Finding

_LOST_DRAINS = ("outside", "pigtail_outside")
"""Variants of a chest tube that has come out of the pleural space."""
_MALPOSITIONED = 1 / 3
"""The probability that a bedside tube is malpositioned."""


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
        """True with probability `chance`."""
        return bool(self.rng.random() < chance)

    def side(self) -> str:
        """A random side."""
        return str(self.rng.choice(["right", "left"]))

    def one(self, *options: str) -> str:
        """One of `options`, with equal probability."""
        return str(self.rng.choice(options))

    def placed(self, well: tuple[str, ...], badly: tuple[str, ...], chance: float = 0.25) -> str:
        """A variant of a tube or line: well placed or, with probability `chance`, malpositioned."""
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
        """Add a finding that follows `course`: lasting, waning, growing, passing or arriving."""
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


def _healthy(case: PatientScenario) -> None:
    if case.maybe(0.04):
        case.add("rib_fracture", "lasting", case.side(), variant="healed")


def _heart_failure(case: PatientScenario) -> None:
    if case.maybe(0.85):
        case.add("cardiomegaly", "lasting", severity=(0.1, 1.0))
    if case.maybe(0.62):
        case.add("edema", case.one("waning", "passing", "arriving"), severity=(0.15, 0.95))
    if case.maybe(0.6):
        main = case.side()
        case.add("effusion", case.one("waning", "passing"), main, severity=(0.1, 0.65))
        if case.maybe(0.55):
            other = "left" if main == "right" else "right"
            case.add("effusion", case.one("waning", "passing"), other, severity=(0.1, 0.5))
    if case.maybe(0.3):
        case.add(
            "pacemaker",
            "lasting",
            case.one("left", "left", "left", "right"),
            variant=case.one("dual", "single"),
        )
    if case.maybe(0.3):
        case.add("sternal_wires", "lasting")
    if case.maybe(0.25):
        _basal_collapse(case)


def _infection(case: PatientScenario) -> None:
    kind = case.one("consolidation", "opacity", "opacity")
    side, site = case.side(), case.one("upper", "mid", "lower", "lower", "lower")
    lobar = kind == "consolidation" and case.maybe(0.4)
    cause = case.one("pneumonia", "pneumonia?")
    course = case.one("waning", "arriving", "passing")
    case.add(kind, course, side, site, "lobar" if lobar else "patchy", cause, (0.25, 1.0))
    if case.maybe(0.25):
        case.add(
            "opacity", course, case.side(), case.one("upper", "mid", "lower"), "patchy", cause, (0.2, 0.8)
        )
    if case.maybe(0.3):
        case.add("effusion", "waning", side, severity=(0.1, 0.5))
    if case.maybe(0.12):
        case.add("central_line", "lasting", "right", variant="picc")


def _critical(case: PatientScenario) -> None:
    if case.maybe(0.72):
        placed = case.placed(("good",), ("high", "low", "bronchial"))
        case.add("tracheal_tube", case.one("lasting", "waning"), variant=placed)
        if case.maybe(0.75):
            placed = case.placed(("good",), ("high", "coiled", "bronchial"))
            case.add("feeding_tube", "lasting", variant=placed)
    if case.maybe(0.75):
        variant = case.placed(("jugular", "jugular", "subclavian", "picc"), ("malpositioned",))
        case.add("central_line", "lasting", case.one("right", "right", "left"), variant=variant)
    if case.maybe(0.45):
        case.add("edema", case.one("passing", "waning", "growing"), severity=(0.2, 1.0))
    for side in ("right", "left"):
        if case.maybe(0.42):
            case.add("effusion", case.one("passing", "waning", "growing"), side, severity=(0.1, 0.8))
    if case.maybe(0.45):
        _basal_collapse(case)
    if case.maybe(0.45):
        cause = case.one("pneumonia?", "none")
        kind = case.one("consolidation", "opacity", "opacity")
        case.add(
            kind,
            "passing",
            case.side(),
            case.one("mid", "lower", "upper"),
            "patchy",
            cause if cause != "none" else None,
            (0.3, 1.0),
        )
    if case.maybe(0.25):
        case.add("cardiomegaly", "lasting", severity=(0.1, 0.8))


def _after_surgery(case: PatientScenario) -> None:
    if case.maybe(0.85):
        case.add("sternal_wires", "lasting")
    if case.maybe(0.5):
        side = case.side()
        variant = case.placed(("apical", "basal", "apical", "basal", "pigtail"), _LOST_DRAINS, 0.15)
        case.add("chest_tube", case.one("lasting", "waning"), side, variant=variant)
        if case.maybe(0.55):
            case.add("pneumothorax", "waning", side, severity=(0.1, 0.5))
        if case.maybe(0.35):
            case.add("subcutaneous_emphysema", "waning", side, severity=(0.15, 0.9))
    if case.maybe(0.12):
        case.add("pneumomediastinum", "waning", severity=(0.1, 0.7))
    if case.maybe(0.12):
        case.add("foreign_body", "lasting", case.side(), variant="clips", severity=(0.2, 1.0))
    if case.maybe(0.4):
        case.add("central_line", "waning", "right", variant="jugular")
    if case.maybe(0.5):
        case.add("effusion", "waning", case.one("left", "left", "right"), severity=(0.1, 0.5))
    if case.maybe(0.65):
        _basal_collapse(case)
    if case.maybe(0.35):
        case.add("cardiomegaly", "lasting", severity=(0.1, 0.7))
    if case.maybe(0.3):
        case.add("wide_mediastinum", "waning", variant="wide", severity=(0.3, 0.9))


def _injury(case: PatientScenario) -> None:
    side = case.side()
    if case.maybe(0.62):
        case.add("rib_fracture", "lasting", side, variant="acute", severity=(0.2, 1.0))
    if case.maybe(0.3):
        case.add("clavicle_fracture", "lasting", side, severity=(0.3, 1.0))
    if case.maybe(0.55):
        tension = case.maybe(0.15)
        case.add(
            "pneumothorax",
            case.one("waning", "passing"),
            side,
            None,
            "tension" if tension else "simple",
            None,
            (0.45, 1.0) if tension else (0.1, 0.8),
        )
        if case.maybe(0.4):
            variant = case.placed(("apical", "apical", "pigtail"), _LOST_DRAINS, 0.15)
            case.add("chest_tube", "lasting", side, variant=variant)
        if case.maybe(0.45):
            case.add("subcutaneous_emphysema", "waning", side, severity=(0.15, 1.0))
        if case.maybe(0.2):
            case.add("pneumomediastinum", "waning", severity=(0.1, 1.0))
    if case.maybe(0.16):
        _foreign_body(case, side)
    if case.maybe(0.25):
        case.add("opacity", "waning", side, case.one("mid", "lower"), "patchy", None, (0.3, 0.9))
    if case.maybe(0.15):
        case.add("wide_mediastinum", "lasting", variant="wide", severity=(0.4, 1.0))


def _foreign_body(case: PatientScenario, side: str) -> None:
    if case.maybe(0.3):
        case.add("foreign_body", "lasting", variant="coin", severity=(0.2, 1.0))
        return
    form, site = case.one("needle", "bullet"), case.one("upper", "mid", "lower")
    case.add("foreign_body", "lasting", side, site, form, severity=(0.2, 1.0))


def _tumour(case: PatientScenario) -> None:
    kind = case.one("nodule", "mass")
    side = case.side()
    case.add(
        kind,
        case.one("lasting", "growing"),
        side,
        case.one("upper", "mid", "lower"),
        None,
        None,
        (0.2, 1.0),
    )
    if kind == "nodule" and case.maybe(0.35):
        case.add("nodule", "growing", case.side(), case.one("upper", "mid", "lower"))
    if case.maybe(0.35):
        case.add("effusion", case.one("growing", "passing"), side, severity=(0.15, 1.0))
    if case.maybe(0.3):
        case.add("wide_mediastinum", "lasting", variant="wide", severity=(0.3, 1.0))
    if case.maybe(0.3):
        case.add("central_line", "lasting", "right", variant="picc")


def _old_age(case: PatientScenario) -> None:
    choice = case.one("pleura", "pleura", "aorta", "plate", "heart", "calcified", "wires", "pacemaker")
    if choice == "pleura":
        case.add(
            case.one("pleural_thickening", "pleural_plaques"), "lasting", case.side(), severity=(0.3, 1.0)
        )
    elif choice == "aorta":
        case.add("wide_mediastinum", "lasting", variant="aorta", severity=(0.3, 1.0))
    elif choice == "plate":
        _basal_collapse(case)
    elif choice == "heart":
        case.add("cardiomegaly", "lasting", severity=(0.05, 0.7))
    elif choice == "calcified":
        case.add(
            "nodule",
            "lasting",
            case.side(),
            case.one("upper", "mid", "lower"),
            "calcified",
            None,
            (0.1, 0.6),
        )
    elif choice == "wires":
        case.add("sternal_wires", "lasting")
    else:
        case.add("pacemaker", "lasting", "left", variant="dual")
    if case.maybe(0.2):
        case.add("hernia", "lasting", severity=(0.1, 1.0))


def _chronic_lung(case: PatientScenario) -> None:
    kind = case.one(*["emphysema"] * 5, *["fibrosis"] * 3, *["tuberculosis"] * 2)
    if kind == "emphysema":
        case.add(kind, "lasting", severity=(0.15, 1.0))
        if case.maybe(0.12):
            case.add("pneumothorax", "passing", case.side(), None, "simple", None, (0.15, 0.6))
    elif kind == "fibrosis":
        variant = "interstitial" if case.maybe(0.35) else None
        case.add(kind, case.one("lasting", "growing"), variant=variant, severity=(0.2, 1.0))
        if case.maybe(0.15):
            case.add("cardiomegaly", "lasting", severity=(0.1, 0.6))
    else:
        _tuberculosis(case)
    if kind != "tuberculosis" and case.maybe(0.12):
        case.add("nodule", "growing", case.side(), case.one("upper", "mid", "lower"))


def _tuberculosis(case: PatientScenario) -> None:
    side, course = case.side(), case.one("lasting", "waning", "passing")
    case.add("tuberculosis", course, side, "upper", severity=(0.2, 1.0))
    if case.maybe(0.3):
        other = "left" if side == "right" else "right"
        case.add("tuberculosis", course, other, "upper", severity=(0.2, 0.7))
    if case.maybe(0.2):
        case.add("effusion", "waning", side, severity=(0.1, 0.5))
    elif case.maybe(0.3):
        case.add("pleural_thickening", "lasting", side, severity=(0.3, 0.9))


def _bedside(case: PatientScenario) -> None:
    """Films to check the tips of tubes and lines: many of each, a third of them malpositioned."""
    if case.maybe(0.55):
        placed = case.placed(("good",), ("high", "low", "bronchial"), _MALPOSITIONED)
        case.add("tracheal_tube", "lasting", variant=placed)
    if case.maybe(0.55):
        placed = case.placed(("good",), ("high", "coiled", "bronchial"), _MALPOSITIONED)
        case.add("feeding_tube", "lasting", variant=placed)
    if case.maybe(0.45):
        variant = case.placed(("jugular", "jugular", "subclavian", "picc"), ("malpositioned",))
        case.add("central_line", "lasting", case.one("right", "right", "left"), variant=variant)
    side = case.side()
    if case.maybe(0.5):
        lost_tube, lost_pigtail = _LOST_DRAINS
        if case.one("tube", "pigtail") == "tube":
            variant = case.placed(("apical", "basal"), (lost_tube,), _MALPOSITIONED)
        else:
            variant = case.placed(("pigtail",), (lost_pigtail,), _MALPOSITIONED)
        case.add("chest_tube", "lasting", side, variant=variant)
    if case.maybe(0.3):
        case.add("pneumothorax", case.one("waning", "passing"), side, None, "simple", None, (0.3, 1.0))
    if case.maybe(0.25):
        case.add("subcutaneous_emphysema", case.one("waning", "lasting"), side, severity=(0.3, 1.0))
    if case.maybe(0.15):
        case.add("pneumomediastinum", "waning", severity=(0.3, 1.0))
    if case.maybe(0.12):
        _foreign_body(case, side)
    if case.maybe(0.3):
        case.add("effusion", "passing", case.side(), severity=(0.1, 0.6))
    if case.maybe(0.3):
        case.add("cardiomegaly", "lasting", severity=(0.1, 0.8))


def _brittle_bone(case: PatientScenario) -> None:
    """A vertebra that has collapsed, which a frontal film hardly shows."""
    case.add("vertebral_fracture", "lasting", severity=(0.1, 1.0))


def _basal_collapse(case: PatientScenario) -> None:
    kind = case.one("plate_atelectasis", "plate_atelectasis", "lobar_atelectasis")
    case.add(
        kind,
        case.one("passing", "waning", "lasting"),
        case.one("left", "left", "right"),
        severity=(0.2, 0.9),
    )


SCENARIOS: dict[str, tuple[float, Callable[[PatientScenario], None]]] = {
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
    "brittle_bone": (0.0, _brittle_bone),
}
"""Each scenario's share of patients, and its function; a layout may have its own shares."""
