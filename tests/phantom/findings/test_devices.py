from __future__ import annotations

import pytest

from plainfilm.phantom.anatomy import pleural_cavity, trachea_path
from plainfilm.phantom.body import Body
from plainfilm.phantom.film import render_film
from plainfilm.phantom.findings import add_findings
from plainfilm.phantom.findings.devices import central_line_goal, tracheal_tube_tip_mm
from plainfilm.phantom.materials import Materials
from plainfilm.phantom.shapes import Scene
from plainfilm.phantom.truth import Finding
from plainfilm.types import View


@pytest.fixture
def body(patient):
    return Body(patient, "sitting", 0.3, 0.0, 10.0)


def tip_of(body, device):
    """The last point (mm) of the line that a device ends in."""
    scene = Scene()
    add_findings(scene, body, Materials.at(90), [device])
    return scene.tubes[-1].points[-1]


def test_a_low_tracheal_tube_ends_below_a_high_one(patient, finding):
    low, high = (
        render_film(patient, [finding("tracheal_tube", variant=variant)], View.PA, 9, 160).boxes[0].y1
        for variant in ("low", "high")
    )
    assert low > high


def test_a_bronchial_tube_ends_right_of_and_below_the_carina(body, finding):
    device = finding("tracheal_tube", variant="bronchial")
    carina, tip = trachea_path(body)[-1], tip_of(body, device)
    assert tip[0] < carina[0] - 10
    assert tip[2] < carina[2] - 10
    assert tracheal_tube_tip_mm(device) < 0


@pytest.mark.parametrize("variant", ["good", None])
def test_a_feeding_tube_in_place_ends_below_the_diaphragm(body, finding, variant):
    assert tip_of(body, finding("feeding_tube", variant=variant))[2] < body.dome_top("left") - 40


@pytest.mark.parametrize("variant", ["high", "coiled", "bronchial"])
def test_a_feeding_tube_astray_ends_above_it(body, finding, variant):
    assert tip_of(body, finding("feeding_tube", variant=variant))[2] > body.dome_top("left")


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize(
    ("variant", "inside"), [("apical", True), ("basal", True), ("pigtail", True), ("pigtail_outside", False)]
)
def test_drains_end_in_the_chest_unless_pulled_out(body, finding, side, variant, inside):
    tip = tip_of(body, finding("chest_tube", side, variant=variant))
    assert pleural_cavity(body, side).contains(tip[None])[0] == inside


@pytest.mark.parametrize("side", ["right", "left"])
def test_the_side_hole_of_a_drain_tells_whether_it_drains(body, finding, side):
    for variant, inside in (("apical", True), ("basal", True), ("outside", False)):
        scene = Scene()
        add_findings(scene, body, Materials.at(90), [finding("chest_tube", side, variant=variant)])
        hole = (scene.tubes[-2].points[-1] + scene.tubes[-1].points[0]) / 2
        assert pleural_cavity(body, side).contains(hole[None])[0] == inside, variant


@pytest.mark.parametrize("side", ["right", "left"])
def test_central_lines_end_in_the_vena_cava_or_where_their_goal_says(body, side):
    beyond = {
        "neck": lambda tip: tip[2] > 80,
        "across": lambda tip: (tip[0] > 40) == (side == "right") and abs(tip[0]) > 40,
        "deep": lambda tip: tip[2] < -110,
    }
    for seed in range(12):
        line = Finding("f0", "central_line", side, None, 0.5, seed, "malpositioned")
        assert beyond[central_line_goal(line)](tip_of(body, line)), central_line_goal(line)
        tip = tip_of(body, Finding("f0", "central_line", side, None, 0.5, seed, "jugular"))
        assert -60 < tip[2] < 10
        assert -45 < tip[0] < 0
