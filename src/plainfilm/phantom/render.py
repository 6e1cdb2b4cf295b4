"""One film by itself, for looking at and for tests."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from plainfilm.errors import ConfigError, nearest
from plainfilm.phantom.body import Patient
from plainfilm.phantom.film import render_film
from plainfilm.phantom.population import draw_patient
from plainfilm.phantom.truth import OBSERVATIONS, Finding
from plainfilm.types import View


def render(
    view: View | str = View.PA,
    findings: Sequence[Finding] = (),
    *,
    seed: int = 0,
    size: int = 512,
    patient: Patient | None = None,
) -> NDArray[np.uint8]:
    """A film (H, W), uint8, whose longer side has `size` pixels; the patient's right is at image left.

    `seed` decides the patient (unless one is given), posture, technique and noise; `findings` are put in.

    Raises:
        ConfigError: a finding of an unknown kind or an unknown view, with the nearest right one.
    """
    views = [item.value for item in View if item is not View.UNKNOWN]
    if str(view) not in views:
        raise ConfigError(f"unknown view '{view}': {nearest(str(view), views)}")
    for finding in findings:
        if finding.kind not in OBSERVATIONS:
            raise ConfigError(
                f"unknown kind of finding '{finding.kind}': {nearest(finding.kind, OBSERVATIONS)}"
            )
    person = patient or draw_patient(seed, 0)
    return render_film(person, findings, View(str(view)), seed, size).array
