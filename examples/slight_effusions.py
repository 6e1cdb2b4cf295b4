"""A phantom layout: that of MIMIC-CXR, with many patients whose little fluid only a lateral film shows.

    plainfilm phantom examples/slight_effusions.py --studies 4000 --out raw

Up to about 200 ml lie in the posterior sulcus, behind the dome of the diaphragm, where a frontal film hardly
shows them.
"""

from __future__ import annotations

from plainfilm.phantom.layouts.mimic_cxr import expected, write_study, write_tables

__all__ = ["SCENARIOS", "expected", "write_study", "write_tables"]

SCENARIOS = {
    "healthy": 0.3,
    "slight_effusion": 0.3,
    "infection": 0.12,
    "tumour": 0.1,
    "old_age": 0.1,
    "chronic_lung": 0.08,
}
"""Most films are standing, so that most studies have a lateral one."""
