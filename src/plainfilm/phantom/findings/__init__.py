"""Puts findings into a body: first by changing its shape, then by adding what is not anatomy."""

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
    """Changes the numbers of `body` by every finding that moves or resizes organs."""
    for finding in findings:
        shape.apply(body, finding)


def paint_into_lungs(scene: Scene, body: Body, materials: Materials, findings: Sequence[Finding]) -> None:
    """Paints findings with sharp borders over the lungs; to be called before central organs are painted."""
    for finding in findings:
        lungs.paint(scene, body, materials, finding)


def add_findings(scene: Scene, body: Body, materials: Materials, findings: Sequence[Finding]) -> None:
    """Adds everything else that findings bring, and marks their outlines."""
    for finding in findings:
        if finding.kind in _PLACERS:
            rng = generator(finding.seed, "place", finding.kind)
            _PLACERS[finding.kind](scene, body, materials, finding, rng)
        shape.mark(scene, body, finding)
