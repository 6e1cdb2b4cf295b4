"""Attenuation per millimetre of the phantom's materials at a tube voltage."""

from __future__ import annotations

from dataclasses import dataclass

LUNG_DENSITY = 0.24
"""Attenuation of aerated lung as a share of soft tissue's."""


@dataclass(frozen=True)
class Materials:
    """Linear attenuation in 1/mm: effective values for a filtered beam, falling with voltage."""

    soft: float
    bone: float
    metal: float

    @property
    def lung(self) -> float:
        """Aerated lung without its larger vessels."""
        return LUNG_DENSITY * self.soft

    @property
    def air(self) -> float:
        """Air, practically zero."""
        return 0.0

    @staticmethod
    def at(kilovolts: float) -> Materials:
        """The materials in a beam of 60 to 140 kV; bone loses more than soft tissue as voltage rises."""
        hardness = (kilovolts / 100.0) ** -0.3
        return Materials(soft=0.0195 * hardness, bone=0.052 * hardness**2, metal=0.45 * hardness**2)
