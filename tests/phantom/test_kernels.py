from __future__ import annotations

import numpy as np
import pytest

from plainfilm.phantom.camera import Camera
from plainfilm.phantom.kernels import blur
from plainfilm.phantom.rays import expose
from plainfilm.phantom.shapes import Blob, Scene, Strands, column, ellipsoid, rotation, tube

SOURCE = np.array([0.0, -1800.0, 0.0])


def camera(size: int = 61, pitch: float = 4.0) -> Camera:
    half = size / 2 * pitch
    corner = np.array([-half, 200.0, half])
    return Camera(SOURCE, corner, np.array([pitch, 0, 0]), np.array([0, 0, -pitch]), size, size)


def pixel_ray(view: Camera, row: int, column_: int) -> tuple[np.ndarray, float]:
    """The unit direction of a pixel's ray, and the distance from the source to the detector along it."""
    end = view.origin + (column_ + 0.5) * view.right + (row + 0.5) * view.down
    along = end - view.source
    return along / np.linalg.norm(along), float(np.linalg.norm(along))


def sampled(view: Camera, row: int, column_: int, density, steps: int = 200_001) -> float:
    """∫ density along a pixel's ray, by brute force."""
    direction, length = pixel_ray(view, row, column_)
    t = np.linspace(0.0, length, steps)
    return float(np.trapezoid(density(view.source + t[:, None] * direction).astype(float), t))


def test_the_middle_ray_crosses_a_sphere_along_its_diameter():
    scene = Scene(solids=[ellipsoid((0, 0, 0), (50, 50, 50), None, 1.0)])
    assert expose(scene, camera()).attenuation[30, 30] == pytest.approx(100.0)


def test_a_ray_beside_the_middle_of_a_sphere_has_the_chord_of_its_distance():
    view = camera()
    direction, _ = pixel_ray(view, 30, 36)
    distance = np.linalg.norm(np.cross(-view.source, direction))
    scene = Scene(solids=[ellipsoid((0, 0, 0), (50, 50, 50), None, 1.0)])
    expected = 2 * np.sqrt(50**2 - distance**2)
    assert expose(scene, view).attenuation[30, 36] == pytest.approx(expected)


def test_a_turned_ellipsoid_agrees_with_brute_force():
    body = ellipsoid((10, 5, -8), (60, 25, 40), rotation(20, 30, 40), 1.0)
    value = expose(Scene(solids=[body]), camera()).attenuation[26, 35]
    assert value == pytest.approx(sampled(camera(), 26, 35, body.contains), abs=0.05)


def test_a_column_cut_by_planes_agrees_with_brute_force():
    body = column((5, 0), (40, 30), -50, 20, 1.0).clipped((0.3, 0.2, 0.9), 10.0)
    value = expose(Scene(solids=[body]), camera()).attenuation[33, 28]
    assert value == pytest.approx(sampled(camera(), 33, 28, body.contains), abs=0.05)


def test_what_is_painted_last_replaces_what_it_covers():
    outer = ellipsoid((0, 0, 0), (50, 50, 50), None, 1.0)
    inner = ellipsoid((0, 0, 0), (20, 20, 20), None, 0.25)
    assert expose(Scene(solids=[outer, inner]), camera()).attenuation[30, 30] == pytest.approx(60 + 10)


def test_a_solid_under_a_later_one_is_hidden():
    outer = ellipsoid((0, 0, 0), (50, 50, 50), None, 1.0)
    inner = ellipsoid((0, 0, 0), (20, 20, 20), None, 9.0)
    assert expose(Scene(solids=[inner, outer]), camera()).attenuation[30, 30] == pytest.approx(100.0)


def test_overlapping_solids_of_one_material_count_once():
    pair = [ellipsoid((0, y, 0), (30, 30, 30), None, 1.0) for y in (-20, 20)]
    assert expose(Scene(solids=pair), camera()).attenuation[30, 30] == pytest.approx(100.0)


def test_a_channel_keeps_the_visible_length_of_its_solids():
    outer = ellipsoid((0, 0, 0), (50, 50, 50), None, 1.0, "outer")
    inner = ellipsoid((0, 0, 0), (20, 20, 20), None, 0.5)
    assert expose(Scene(solids=[outer, inner]), camera()).lengths["outer"][30, 30] == pytest.approx(60.0)


def test_an_added_solid_adds_to_what_lies_there():
    outer = ellipsoid((0, 0, 0), (50, 50, 50), None, 1.0)
    extra = ellipsoid((0, 0, 0), (10, 10, 10), None, 0.5)
    assert expose(Scene(solids=[outer], added=[extra]), camera()).attenuation[30, 30] == pytest.approx(110.0)


def test_a_straight_tube_has_the_chord_of_a_cylinder():
    path = tube([(-80, 0, 0), (80, 0, 0)], 6.0, 2.0)
    assert expose(Scene(tubes=[path]), camera()).attenuation[30, 30] == pytest.approx(2.0 * 12.0)


def test_a_bent_tube_has_neither_gap_nor_overlap_at_its_bend():
    bent = tube([(-60, 0, -12), (0, 0, 0), (60, 0, -12)], 8.0, 1.0)
    row = expose(Scene(tubes=[bent]), camera(241, 1.0)).attenuation[:, 120]
    # Off the bend, the same cylinder seen square on has a chord of 16 mm at its middle line.
    assert row.max() == pytest.approx(16.0, abs=0.5)


def test_strands_equal_the_tubes_they_stand_for():
    start, end = np.array([[-40.0, 3, 5], [10, -5, -20]]), np.array([[30.0, 0, 22], [50, 9, 10]])
    tubes = [tube([a, b], 4.0, 1.5) for a, b in zip(start, end, strict=True)]
    strands = Strands(start, end, np.full(2, 4.0), 1.5)
    one, other = expose(Scene(tubes=tubes), camera()), expose(Scene(strands=[strands]), camera())
    np.testing.assert_allclose(one.attenuation, other.attenuation)


def test_a_blob_agrees_with_brute_force():
    blob = Blob(np.array([8.0, 4.0, 6.0]), np.array([14.0, 25.0, 9.0]), 0.7, rotation(10, 20, 30))
    matrix = np.diag(1 / blob.sigmas) @ blob.turn.T
    value = expose(Scene(blobs=[blob]), camera()).cloud[28, 33]
    cloud = sampled(
        camera(), 28, 33, lambda p: 0.7 * np.exp(-0.5 * (((p - blob.centre) @ matrix.T) ** 2).sum(axis=1))
    )
    assert value == pytest.approx(cloud, rel=1e-3)


def test_twice_the_pixels_sample_the_same_film():
    scene = Scene(solids=[ellipsoid((0, 0, 0), (60, 30, 45), rotation(y=20), 1.0)])
    coarse, fine = expose(scene, camera(61, 4.0)), expose(scene, camera(183, 4.0 / 3))
    np.testing.assert_allclose(coarse.attenuation, fine.attenuation[1::3, 1::3], atol=1e-6)


def test_blur_keeps_the_mean_of_a_flat_film_and_spreads_a_point():
    point = np.zeros((31, 31), dtype=np.float32)
    point[15, 15] = 1.0
    spread = blur(point, 2.0)
    assert spread.sum() == pytest.approx(1.0, abs=1e-5)
    assert spread[15, 15] == pytest.approx(1 / (2 * np.pi * 4), rel=0.02)
