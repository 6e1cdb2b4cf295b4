"""From report text to the states of observations, each with its evidence."""

from __future__ import annotations

from plainfilm.labelling.labeller import Labeller
from plainfilm.labelling.vocabularies import CHEXPERT_OBSERVATIONS, FIVE

__all__ = ["CHEXPERT_OBSERVATIONS", "FIVE", "Labeller"]
