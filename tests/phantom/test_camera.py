from __future__ import annotations

import numpy as np
import pytest

from plainfilm.phantom.camera import Camera
from plainfilm.phantom.rays import expose
from plainfilm.phantom.shapes import Scene, ellipsoid, rotation, tube
from plainfilm.phantom.views import draw_technique, place_camera
from plainfilm.seeding import generator
from plainfilm.types import View


def camera() -> Camera:
    source, corner = np.array([0.0, -1500.0, 30.0]), np.array([-150.0, 150.0, 150.0])
    return Camera(source, corner, np.array([1.0, 0, 0]), np.array([0, 0, -1.0]), 300, 300)


def seen(scene: Scene) -> list[float]:
    """The box around what a film of `scene` shows."""
    shown = expose(scene, camera()).attenuation > 1e-9
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


def test_a_point_at_the_detector_is_seen_where_it_lies():
    assert camera().project(np.array([[0.0, 150.0, 0.0]]))[0] == pytest.approx([150.0, 150.0])


def test_what_is_nearer_the_source_is_larger():
    near, far = (camera().outline(ellipsoid((0, y, 0), (20, 20, 20))) for y in (-100, 100))
    assert near[2] - near[0] > far[2] - far[0]


def test_the_outline_of_a_turned_ellipsoid_is_the_extent_of_its_film():
    body = ellipsoid((20, -10, 15), (60, 20, 35), rotation(25, 35, 45), 1.0)
    assert camera().outline(body) == pytest.approx(seen(Scene(solids=[body])), abs=1.0)


def test_the_outline_of_a_tube_is_the_extent_of_its_film():
    path = tube([(-60, 0, -20), (-10, 10, 30), (50, 0, 40)], 7.0, 1.0)
    # The film's tube has flat ends, the outline round ones.
    assert camera().outline(path) == pytest.approx(seen(Scene(tubes=[path])), abs=7.5)


@pytest.mark.parametrize("view", [View.PA, View.AP, View.AP_SUPINE])
def test_the_patients_right_is_at_image_left(view):
    placed = place_camera(draw_technique(view, generator(3, view)), 100)
    right, left = placed.project(np.array([[-60.0, 0, -50], [60.0, 0, -50]]))
    assert right[0] < left[0]


def test_on_a_lateral_film_the_patient_faces_left():
    placed = place_camera(draw_technique(View.LATERAL, generator(3)), 100)
    front, back = placed.project(np.array([[0.0, 80, -50], [0.0, -80, -50]]))
    assert front[0] < back[0]


def test_a_box_off_the_film_is_cut_away():
    assert camera().clip((-20.0, 10.0, 40.0, 500.0)) == (0.0, 10.0, 40.0, 300.0)
    assert camera().clip((-20.0, 10.0, -5.0, 40.0)) is None
