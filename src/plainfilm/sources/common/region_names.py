"""The names of the regions of anatomy on a frontal film, as phrases for models that locate them.

The 29 regions of Chest ImaGenome (Wu et al. 2021, arXiv:2108.00316).
"""

from __future__ import annotations

_SIDED = (
    *("lung", "upper lung zone", "mid lung zone", "lower lung zone", "apical zone"),
    *("hilar structures", "costophrenic angle", "hemidiaphragm", "clavicle"),
)
_CENTRAL = (
    *("cardiac silhouette", "mediastinum", "upper mediastinum", "aortic arch", "trachea", "carina", "spine"),
    *("abdomen", "svc", "cavoatrial junction", "right atrium"),
)

REGIONS = (*(f"{side} {name}" for side in ("right", "left") for name in _SIDED), *_CENTRAL)
