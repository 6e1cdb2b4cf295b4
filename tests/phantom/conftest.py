"""One small corpus, written once, and one healthy patient."""

from __future__ import annotations

import pytest

from plainfilm.phantom.body import Patient
from plainfilm.phantom.population import draw_patient
from plainfilm.phantom.truth import Finding
from plainfilm.phantom.write import write


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Forty studies in MIMIC-CXR's layout, made by one process."""
    folder = tmp_path_factory.mktemp("phantom") / "raw"
    write("mimic_cxr", folder, studies=40, seed=5, size=96, workers=1)
    return folder


@pytest.fixture(scope="session")
def patient() -> Patient:
    """A man, so that no breast shadow lies over the lung bases."""
    return next(person for person in (draw_patient(0, n) for n in range(50)) if person.sex == "M")


@pytest.fixture(scope="session")
def finding():
    """Makes a finding of a kind; further fields by name."""

    def make(kind, side=None, site=None, severity=0.6, variant=None, cause=None, change=None, key="f0"):
        return Finding(key, kind, side, site, severity, 7, variant, cause, change)

    return make
