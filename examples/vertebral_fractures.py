"""A phantom layout: that of MIMIC-CXR, with many patients whose fracture a lateral film shows.

    plainfilm phantom examples/vertebral_fractures.py --studies 3000 --out raw

A collapsed vertebra bends the spine to the back, along the rays of a frontal film.
"""

from __future__ import annotations

from plainfilm.phantom.layouts.mimic_cxr import expected, write_study, write_tables

__all__ = ["SCENARIOS", "expected", "write_study", "write_tables"]

SCENARIOS = {
    "healthy": 0.3,
    "brittle_bone": 0.3,
    "infection": 0.12,
    "tumour": 0.1,
    "old_age": 0.1,
    "chronic_lung": 0.08,
}
"""Most films are standing, so that most studies have a lateral one."""
