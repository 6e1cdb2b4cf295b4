from __future__ import annotations

import numpy as np

from plainfilm.phantom.shapes import column, curve, ellipsoid, rotation


def test_a_rotation_keeps_lengths_and_hand():
    turn = rotation(20, -35, 70)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(turn) > 0


def test_a_quarter_turn_about_z_takes_x_to_y():
    np.testing.assert_allclose(rotation(z=90) @ [1, 0, 0], [0, 1, 0], atol=1e-12)


def test_an_ellipsoid_holds_its_axis_ends_and_no_more():
    body = ellipsoid((1, 2, 3), (10, 20, 30), rotation(z=90))
    ends = np.array([[1, 2, 3]]) + np.array([[0, 9.9, 0], [0, 10.1, 0], [19.9, 0, 0], [20.1, 0, 0]])
    assert body.contains(ends).tolist() == [True, False, True, False]


def test_the_block_of_a_turned_ellipsoid_holds_it():
    body = ellipsoid((0, 0, 0), (10, 20, 30), rotation(30, 40, 50))
    points = np.random.default_rng(0).uniform(-35, 35, (5000, 3))
    inside = points[body.contains(points)]
    assert (inside >= body.low).all()
    assert (inside <= body.high).all()


def test_within_is_the_intersection():
    one, other = ellipsoid((0, 0, 0), (10, 10, 10)), column((8, 0), (5, 5), -3, 3)
    points = np.random.default_rng(0).uniform(-15, 15, (2000, 3))
    both = one.contains(points) & other.contains(points)
    assert (one.within(other).contains(points) == both).all()


def test_a_curve_passes_through_its_knots():
    knots = np.array([[0.0, 0, 0], [1, 2, 0], [3, 1, 4]])
    np.testing.assert_allclose(curve(knots, 21)[[0, 10, 20]], knots, atol=1e-12)
