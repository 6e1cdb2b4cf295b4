"""The body on a film: a patient's permanent build, and the body of one examination with its findings.

`Patient` is drawn once; `Body` is a patient on one day in one posture. Findings that change the shape of
organs (a large heart, a collapsed lung, fluid) change the numbers of `Body` before anything is built.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

SIDES = ("right", "left")


def sign_of(side: str) -> float:
    """The direction of a side along x: −1 for the patient's right, +1 for the left."""
    return -1.0 if side == "right" else 1.0


@dataclass(frozen=True)
class Patient:
    """The permanent build of a patient. Lengths without a unit are factors of the average adult's."""

    age: float
    sex: str
    size: float
    width: float
    fat_mm: float
    heart: float
    aorta: float
    apex_angle: float
    right_dome_mm: float
    bone: float
    spine_curve_mm: float
    breast: float
    vessel_seed: int

    @staticmethod
    def draw(rng: np.random.Generator) -> Patient:
        """A patient of a typical hospital population: mostly older adults."""
        sex = "F" if rng.random() < 0.48 else "M"
        age = float(np.clip(rng.normal(61, 17), 18, 95))
        old = (age - 50) / 40
        return Patient(
            age=round(age),
            sex=sex,
            size=float((0.94 if sex == "F" else 1.02) * rng.normal(1.0, 0.035)),
            width=float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.14)),
            fat_mm=float(np.clip(rng.gamma(3.0, 7.0), 5, 62)),
            heart=float(np.clip(rng.normal(0.88 + 0.02 * old, 0.035), 0.79, 0.95)),
            aorta=float(np.clip(rng.normal(1.0 + 0.12 * old, 0.1), 0.8, 1.35)),
            apex_angle=float(rng.normal(36, 6)),
            right_dome_mm=float(np.clip(rng.normal(14, 6), 2, 30)),
            bone=float(np.clip(rng.normal(1.0 - 0.15 * max(old, 0), 0.1), 0.6, 1.2)),
            spine_curve_mm=float(rng.normal(0, 3.5)),
            breast=float(np.clip(rng.normal(0.95, 0.25), 0.3, 1.5)) if sex == "F" else 0.0,
            vessel_seed=int(rng.integers(2**31)),
        )


@dataclass
class Hemithorax:
    """One side of the chest at the examination. Lengths in mm."""

    dome_rise: float = 0.0
    fluid_level: float | None = None
    layering: float = 0.0
    collapse: float = 0.0
    pleural_thickening: float = 0.0


@dataclass
class Body:
    """A patient in one posture: the parameters of the anatomy.

    `inspiration` is 0 (poor) to 1 (full); `shoulders_mm` raises clavicles and shoulders; `scapulae_mm` is how
    far the shoulder blades are rotated out of the lungs; `mediastinal_shift_mm` is to the left. `flat_domes`
    is 0 for normal hemidiaphragms and 1 for flat ones; `barrel` deepens the chest; `lung_tissue` is the
    remaining share of lung tissue. `collapsed` holds how far thoracic vertebrae have collapsed, by number.
    """

    patient: Patient
    posture: str
    inspiration: float
    shoulders_mm: float
    scapulae_mm: float
    heart_scale: float = 1.0
    mediastinum_scale: float = 1.0
    aorta_scale: float = 1.0
    mediastinal_shift_mm: float = 0.0
    congestion: float = 0.0
    flat_domes: float = 0.0
    barrel: float = 1.0
    lung_tissue: float = 1.0
    collapsed: dict[int, float] = field(default_factory=dict)
    hemithoraces: dict[str, Hemithorax] = field(
        default_factory=lambda: {side: Hemithorax() for side in SIDES}
    )

    @property
    def size(self) -> float:
        """Scale of this patient: mm per mm of the average adult."""
        return self.patient.size

    @property
    def chest_rx(self) -> float:
        """Half the inner width of the chest at its widest, mm."""
        return 140.0 * self.size * self.patient.width

    @property
    def chest_ry(self) -> float:
        """Half the inner depth of the chest, mm."""
        return 96.0 * self.size * self.barrel

    @property
    def chest_rz(self) -> float:
        """Half the height of the ellipsoid that the ribs follow, mm."""
        return 214.0 * self.size

    @property
    def chest_centre(self) -> np.ndarray:
        """The centre (3,) of the ellipsoid of the rib cage, mm."""
        return np.array([0.0, -4.0, -92.0]) * self.size

    def dome_top(self, side: str) -> float:
        """The height of the top of a hemidiaphragm, mm."""
        base = -114.0 * self.size - 50.0 * self.inspiration
        lift = self.patient.right_dome_mm if side == "right" else 0.0
        return base + lift + self.hemithoraces[side].dome_rise

    @property
    def dome_rz(self) -> float:
        """Half the height of the ellipsoid of a hemidiaphragm, mm."""
        return 74.0 * self.size * (1.0 - 0.75 * self.flat_domes)

    def sulcus(self, side: str) -> float:
        """The height of the lateral costophrenic angle, mm."""
        return self.dome_top(side) - 0.568 * self.dome_rz

    def at_height(self, z: float | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Half width and half depth (mm) of the rib cage's inside at height `z`."""
        share = (np.asarray(z) - self.chest_centre[2]) / self.chest_rz
        factor = np.sqrt(np.clip(1.0 - share**2, 0.02, 1.0))
        return self.chest_rx * factor, self.chest_ry * factor
