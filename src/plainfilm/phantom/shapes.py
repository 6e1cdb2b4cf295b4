"""The shapes of the phantom: solids, tubes and soft blobs in millimetres, and the scene that holds them.

The frame is the patient's: x to the patient's left, y to the front, z to the head; the carina is near the
origin. Solids are painted in order, a later one replacing those below it; added solids, tubes and blobs add
to the existing attenuation. Attenuation is per millimetre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Vector = Sequence[float] | Array
_UP = np.array([0.0, 0.0, 1.0])


def shifted(point: Array, x: float, y: float, z: float) -> Array:
    """`point` (3,) or points (N, 3) shifted by mm."""
    return point + np.array([x, y, z])


@dataclass(frozen=True)
class Quadric:
    """The points p with |matrix · (p − centre)| ≤ 1: an ellipsoid, or a cylinder if a row is zero."""

    matrix: Array
    centre: Array


@dataclass(frozen=True)
class Solid:
    """A convex body: the intersection of quadrics and half-spaces `normal · p ≤ offset`.

    `low` and `high` are corners of an upright block around it. `channel` names the map for the length of rays
    through the visible part of this solid, if one is needed.
    """

    quadrics: tuple[Quadric, ...]
    low: Array
    high: Array
    planes: tuple[tuple[Array, float], ...] = ()
    attenuation: float = 0.0
    channel: str | None = None

    def clipped(self, normal: Vector, offset: float) -> Solid:
        """The part of it with `normal · p ≤ offset`."""
        return replace(self, planes=(*self.planes, (np.asarray(normal, float), float(offset))))

    def within(self, other: Solid) -> Solid:
        """The part of it that lies in `other`."""
        return replace(
            self,
            quadrics=self.quadrics + other.quadrics,
            planes=self.planes + other.planes,
            low=np.maximum(self.low, other.low),
            high=np.minimum(self.high, other.high),
        )

    def painted(self, attenuation: float, channel: str | None = None) -> Solid:
        """The same body with another material."""
        return replace(self, attenuation=attenuation, channel=channel)

    def contains(self, points: Array) -> NDArray[np.bool_]:
        """Whether each of `points` (N, 3) lies in it."""
        inside = np.ones(len(points), dtype=bool)
        for quadric in self.quadrics:
            inside &= (((points - quadric.centre) @ quadric.matrix.T) ** 2).sum(axis=1) <= 1.0
        for normal, offset in self.planes:
            inside &= points @ normal <= offset
        return inside


def rotation(x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Array:
    """The rotation by degrees about x, then y, then z (right-handed), as a matrix (3, 3)."""
    result = np.eye(3)
    for axis, degrees in enumerate((x, y, z)):
        cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turn = np.eye(3)
        first, second = [(1, 2), (2, 0), (0, 1)][axis]
        turn[first, first] = turn[second, second] = cosine
        turn[first, second], turn[second, first] = -sine, sine
        result = turn @ result
    return result


def ellipsoid(
    centre: Vector,
    radii: Vector,
    turn: Array | None = None,
    attenuation: float = 0.0,
    channel: str | None = None,
) -> Solid:
    """An ellipsoid with `radii` (mm) along its own axes, turned by the rotation `turn` about its centre."""
    middle, lengths = np.asarray(centre, float), np.asarray(radii, float)
    if turn is None:
        matrix, reach = np.zeros((3, 3)), lengths
        matrix[0, 0], matrix[1, 1], matrix[2, 2] = 1.0 / lengths
    else:
        matrix, reach = (turn / lengths).T, np.sqrt((turn * lengths) ** 2 @ np.ones(3))
    return Solid((Quadric(matrix, middle),), middle - reach, middle + reach, (), attenuation, channel)


def column(
    centre: Vector,
    radii: tuple[float, float],
    bottom: float,
    top: float,
    attenuation: float = 0.0,
    channel: str | None = None,
) -> Solid:
    """An upright elliptic cylinder around (x, y) = `centre` with radii along x and y, cut at two heights."""
    matrix = np.zeros((3, 3))
    matrix[0, 0], matrix[1, 1] = 1.0 / radii[0], 1.0 / radii[1]
    quadric = Quadric(matrix, np.array([centre[0], centre[1], 0.0]))
    low = np.array([centre[0] - radii[0], centre[1] - radii[1], bottom])
    high = np.array([centre[0] + radii[0], centre[1] + radii[1], top])
    planes = ((_UP, top), (-_UP, -bottom))
    return Solid((quadric,), low, high, planes, attenuation, channel)


@dataclass(frozen=True)
class Tube:
    """A round tube along `points` (N, 3) with one radius (mm) per segment (N − 1,); it adds `attenuation`."""

    points: Array
    radii: Array
    attenuation: float


def tube(points: Sequence[Vector] | Array, radius: float | Array, attenuation: float) -> Tube:
    """A tube of one radius, or of one for each of the N − 1 segments between N points."""
    path = np.asarray(points, dtype=np.float64)
    radii = np.broadcast_to(np.asarray(radius, dtype=np.float64), (len(path) - 1,)).copy()
    return Tube(path, radii, attenuation)


@dataclass(frozen=True)
class Strands:
    """Many straight round threads at once: ends (N, 3) and (N, 3), radii (N,) in mm; they add attenuation."""

    starts: Array
    ends: Array
    radii: Array
    attenuation: float


@dataclass(frozen=True)
class Blob:
    """A soft cloud in the lung: `amount` (0 air as before, 1 airless) falling off as a Gaussian.

    The standard deviations lie along the axes of `turn`. It is limited to the lung along each ray.
    """

    centre: Array
    sigmas: Array
    amount: float
    turn: Array = field(default_factory=lambda: np.eye(3))

    def extent(self, deviations: float = 1.6) -> Solid:
        """The ellipsoid taken as the cloud's boundary."""
        return ellipsoid(self.centre, self.sigmas * deviations, self.turn)


def curve(knots: Sequence[Vector] | Array, count: int) -> Array:
    """A smooth path (count, 3) through `knots` (Catmull-Rom), evenly spread over them."""
    given = np.asarray(knots, dtype=np.float64)
    padded = np.vstack([2 * given[0] - given[1], given, 2 * given[-1] - given[-2]])
    position = np.linspace(0.0, len(given) - 1, count)
    piece = np.minimum(position.astype(int), len(given) - 2)
    t = (position - piece)[:, None]
    before, start, end, after = (padded[piece + shift] for shift in range(4))
    return 0.5 * (
        2 * start
        + (end - before) * t
        + (2 * before - 5 * start + 4 * end - after) * t**2
        + (3 * start - before - 3 * end + after) * t**3
    )


Mark = Solid | Tube | Strands | Blob | str
"""A shape whose outline on the film can be boxed; a string is the name of a channel."""


@dataclass
class Scene:
    """All objects of a film, and the marks whose outlines become boxes.

    `marks` are of findings (by finding key), `regions` of anatomy (by region name). Vessels are invisible in
    `airless` solids. `haze` is the strength of fine markings in the lungs, 0 in health.
    """

    solids: list[Solid] = field(default_factory=list)
    added: list[Solid] = field(default_factory=list)
    tubes: list[Tube] = field(default_factory=list)
    strands: list[Strands] = field(default_factory=list)
    blobs: list[Blob] = field(default_factory=list)
    airless: list[Solid] = field(default_factory=list)
    haze: float = 0.0
    marks: dict[str, list[Mark]] = field(default_factory=dict)
    regions: dict[str, list[Mark]] = field(default_factory=dict)

    def mark(self, key: str, *shapes: Mark) -> None:
        """Add `shapes` to the outline of the finding `key`."""
        self.marks.setdefault(key, []).extend(shapes)

    def region(self, name: str, *shapes: Mark) -> None:
        """Add `shapes` to the outline of the region `name`."""
        self.regions.setdefault(name, []).extend(shapes)

    def channels(self) -> tuple[str, ...]:
        """The names of the maps that rendering this scene fills."""
        return tuple(dict.fromkeys(solid.channel for solid in self.solids if solid.channel))
