"""Adds findings to a body: first by changing its shape, then by adding non-anatomical objects."""

from __future__ import annotations

from collections.abc import Sequence

from plainfilm.phantom.body import Body
from plainfilm.phantom.findings import air, bodies, bones, chronic, devices, lungs, shape
from plainfilm.phantom.materials import Materials
from plainfilm.phantom.shapes import Scene
from plainfilm.phantom.truth import Finding
from plainfilm.seeding import generator

_PLACERS = {
    **lungs.PLACERS,
    **chronic.PLACERS,
    **air.PLACERS,
    **bodies.PLACERS,
    **bones.PLACERS,
    **devices.PLACERS,
}


def shape_body(body: Body, findings: Sequence[Finding]) -> None:
    """Change the numbers of `body` by every finding that moves or resizes organs."""
    for finding in findings:
        shape.apply(body, finding)


def paint_into_lungs(scene: Scene, body: Body, materials: Materials, findings: Sequence[Finding]) -> None:
    """Paint findings with sharp borders over the lungs; call this before central organs are painted."""
    for finding in findings:
        lungs.paint(scene, body, materials, finding)


def add_findings(scene: Scene, body: Body, materials: Materials, findings: Sequence[Finding]) -> None:
    """Add all other parts of findings, and mark their outlines."""
    for finding in findings:
        if finding.kind in _PLACERS:
            rng = generator(finding.seed, "place", finding.kind)
            _PLACERS[finding.kind](scene, body, materials, finding, rng)
        shape.mark(scene, body, finding)
