"""Findings that change the shape of organs: a large heart, a wide mediastinum, air and fluid round a lung."""

from __future__ import annotations

import numpy as np

from plainfilm.phantom.anatomy import heart_parts
from plainfilm.phantom.body import Body, sign_of
from plainfilm.phantom.shapes import Scene
from plainfilm.phantom.truth import Finding


def apply(body: Body, finding: Finding) -> None:
    """Change the numbers of `body`, if the kind of `finding` changes shapes."""
    severity = finding.severity
    if finding.kind == "cardiomegaly":
        body.heart_scale *= 1.17 + 0.33 * severity
    elif finding.kind == "wide_mediastinum":
        _widen_mediastinum(body, finding)
    elif finding.kind == "edema":
        body.congestion = max(body.congestion, 0.4 + 0.8 * severity)
    elif finding.kind == "vertebral_fracture":
        body.collapsed[int(np.random.default_rng(finding.seed).integers(6, 11))] = severity
    elif finding.kind == "emphysema":
        _inflate(body, severity)
    elif finding.kind == "fibrosis" and finding.side is None:
        body.inspiration -= (0.3 if finding.variant == "interstitial" else 0.75) * severity
    elif finding.side is not None:
        _change_side(body, finding, finding.side)


def _widen_mediastinum(body: Body, finding: Finding) -> None:
    if finding.variant == "aorta":
        body.aorta_scale *= 1.25 + 0.4 * finding.severity
    else:
        body.mediastinum_scale *= 1.35 + 0.7 * finding.severity


def _inflate(body: Body, severity: float) -> None:
    """Large, deep, dark lungs on low, flat domes, and a slender heart between them."""
    body.inspiration = max(body.inspiration, 0.6) + 0.25 + 0.4 * severity
    body.flat_domes = max(body.flat_domes, 0.35 + 0.5 * severity)
    body.barrel = max(body.barrel, 1.03 + 0.13 * severity)
    body.lung_tissue = min(body.lung_tissue, 0.85 - 0.4 * severity)
    body.heart_scale *= 0.97 - 0.13 * severity


def _change_side(body: Body, finding: Finding, side: str) -> None:
    state, severity, away = body.hemithoraces[side], finding.severity, -sign_of(side)
    if finding.kind == "pneumothorax":
        state.collapse = 0.1 + 0.5 * severity
        if finding.variant == "tension":
            body.mediastinal_shift_mm += away * (12 + 22 * severity)
            state.dome_rise -= 18
    elif finding.kind == "effusion":
        depth = (14 + 55 * severity + 120 * severity**2) * body.size
        if body.posture == "supine":
            state.layering = 12 + 75 * severity
            depth *= 0.35
        elif body.posture == "sitting":
            state.layering = 30 * severity
        state.fluid_level = body.sulcus(side) + depth
        body.mediastinal_shift_mm += away * max(0.0, severity - 0.75) * 50
    elif finding.kind == "pleural_thickening":
        state.pleural_thickening = 0.035 + 0.06 * severity
    elif finding.kind == "lobar_atelectasis":
        state.dome_rise += 8 + 24 * severity
        body.mediastinal_shift_mm -= away * (3 + 14 * severity)


def mark(scene: Scene, body: Body, finding: Finding) -> None:
    """Mark the outline of a finding that changes a shape."""
    if finding.kind == "cardiomegaly":
        scene.mark(finding.key, *heart_parts(body))
    elif finding.kind == "wide_mediastinum":
        name = "aortic arch" if finding.variant == "aorta" else "upper mediastinum"
        scene.mark(finding.key, *scene.regions[name])
    elif finding.kind == "pneumothorax":
        scene.mark(finding.key, f"{finding.side} pleural air")
    elif finding.kind in ("effusion", "pleural_thickening"):
        scene.mark(finding.key, f"{finding.side} pleural fluid")
