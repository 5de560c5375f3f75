"""A head and neck in Hounsfield units, without the tumour.

Tissues are analytic shapes in mm, so the same patient can be seen on any grid: skin, subcutaneous
fat, muscles, vertebrae with canal and discs, mandible, airway, great vessels with contrast, couch.
It is meant to look right to feature extractors and to a reader, not to be an atlas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tumor_response.imaging.random_field import coarse_noise
from tumor_response.simulate.grid import Grid

__all__ = ["Bulge", "host_hu"]

FloatArray = npt.NDArray[np.float32]

AIR, FAT, SKIN, MUSCLE, VESSEL = -1000.0, -95.0, 25.0, 58.0, 165.0
CORTEX, MARROW, DISC, CORD = 750.0, 230.0, 85.0, 32.0


@dataclass(frozen=True)
class Bulge:
    """A lesion that pushes the skin outwards: centre (x, y, z) and radius in mm."""

    centre_mm: tuple[float, float, float]
    radius_mm: float


def host_hu(grid: Grid, bulges: list[Bulge], rng: np.random.Generator) -> FloatArray:
    """Return the healthy anatomy (z, y, x) in HU, before point spread and noise."""
    x, y, z = grid.axes()
    build = rng.uniform(-1.0, 1.0, 8).astype(np.float32)
    x, y = x / (1 + 0.05 * build[0]), y / (1 + 0.05 * build[1])
    airway_x = _pushed_aside(bulges) + 1.5 * np.sin(z / 23 + build[2])
    depth = _depth_below_skin(x, y, z, bulges)
    lumps = coarse_noise(rng, grid.shape, 7.0, grid.spacing_zyx)
    grain = coarse_noise(rng, grid.shape, 2.5, grid.spacing_zyx)

    fat_mm = 5.0 + 2.5 * build[3]
    hu = -20.0 + 45.0 * np.tanh(1.5 * lumps + 0.4 * build[4]) + 6.0 * grain
    for muscle in _muscles(x, y, z, airway_x):
        _paint(hu, muscle, MUSCLE + 5.0 * grain)
    subcutaneous = _soft(depth - fat_mm)
    hu = FAT + 7.0 * grain + (hu - (FAT + 7.0 * grain)) * subcutaneous
    for vessel, value in _vessels(x, y, z, build):
        _paint(hu, vessel, np.float32(value))
    _paint(hu, _soft(2.0 - depth), np.float32(SKIN))
    _spine(hu, x, y, z)
    _mandible(hu, x, y, z)
    _airway(hu, x, y, z, airway_x)
    _paint(hu, _soft(-depth), np.float32(AIR))
    couch = (np.abs(y - 79.0 + 0.0 * x + 0.0 * z) < 3.0) & (depth < 0)
    hu[couch] = -830.0
    return np.asarray(hu, dtype=np.float32)


def _soft(signed_mm: FloatArray) -> FloatArray:
    """Membership 0..1 across a boundary 1.5 mm wide, from the signed distance to it."""
    share = signed_mm * np.float32(1 / 1.5) + np.float32(0.5)
    return np.asarray(np.clip(share, 0.0, 1.0), dtype=np.float32)


def _paint(hu: FloatArray, membership: FloatArray, value: FloatArray | np.float32) -> None:
    hu += membership * (value - hu)


def _ellipse(
    x: FloatArray,
    y: FloatArray,
    cx: FloatArray | float,
    cy: FloatArray | float,
    rx: FloatArray | float,
    ry: FloatArray | float,
) -> FloatArray:
    """Signed distance (about, in mm, positive inside) to an upright elliptic cylinder."""
    return np.asarray(
        (1.0 - np.sqrt(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2)) * np.minimum(rx, ry)
    )


def _depth_below_skin(
    x: FloatArray, y: FloatArray, z: FloatArray, bulges: list[Bulge]
) -> FloatArray:
    jaw = 0.5 + 0.5 * np.tanh((z - 22.0) / 9.0)
    shoulder = np.clip((-z - 42.0) / 24.0, 0.0, None) ** 2
    depth = _ellipse(
        x, y, 0.0, 3.0 - 8.0 * jaw, 60.0 + 6.0 * jaw + 16.0 * shoulder, 53.0 + 11.0 * jaw
    )
    for bulge in bulges:
        cx, cy, cz = bulge.centre_mm
        ball = bulge.radius_mm - np.sqrt((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2)
        gap = np.clip(0.5 + (depth - ball) / 24.0, 0.0, 1.0)  # smooth union (Quilez 2008)
        depth = ball + (depth - ball) * gap + 12.0 * gap * (1.0 - gap)
    return np.asarray(depth)


def _pushed_aside(bulges: list[Bulge]) -> float:
    """Large lesions displace the airway to the other side."""
    push = sum(-np.sign(b.centre_mm[0]) * max(0.0, b.radius_mm - 14.0) * 0.35 for b in bulges)
    return float(np.clip(push, -7.0, 7.0))


def _muscles(x: FloatArray, y: FloatArray, z: FloatArray, airway_x: FloatArray) -> list[FloatArray]:
    side = np.abs(x)
    return [
        _soft(_ellipse(side, y, 43.0 - 0.12 * z, 8.0 + 0.28 * z, 7.5, 15.0)),  # sternomastoid
        _soft(_ellipse(side, y, 15.0, 43.0, 13.5, 9.5)),  # deep extensors
        _soft(_ellipse(side, y, 31.0, 31.0, 13.0, 9.0)),  # levator, splenius
        _soft(_ellipse(side, y, 9.0, 7.5, 8.0, 4.5)),  # prevertebral
        _soft(_ellipse(x, y, airway_x, -16.0, 15.0, 12.5)),  # wall of the pharynx
        _soft(np.minimum(_ellipse(x, y, airway_x, -33.0, 24.0, 15.0) + 0.0 * z, z + 8.0)),  # tongue
        _soft(_ellipse(side, y, 27.0, -26.0 + 0.1 * z, 9.0, 7.0)),  # strap, submandibular
    ]


def _vessels(
    x: FloatArray, y: FloatArray, z: FloatArray, build: FloatArray
) -> list[tuple[FloatArray, float]]:
    side = np.abs(x)
    contrast = VESSEL + 25.0 * float(build[5])
    wobble = 1.5 * np.sin(z / 17 + build[6])
    return [
        (_soft(_ellipse(side, y, 26.0 + wobble, 4.0, 3.6, 3.6)), contrast + 40.0),
        (_soft(_ellipse(side, y, 34.0 + wobble, 5.5, 6.0, 5.0)), contrast),
        (_soft(_ellipse(side, y, 9.0, 20.0 + 0.0 * z, 0.9, 0.9)), contrast),
    ]


def _spine(hu: FloatArray, x: FloatArray, y: FloatArray, z: FloatArray) -> None:
    phase = np.mod(z + 4.0, 17.0)  # a vertebra every 17 mm, its disc 4 mm high
    bony = _soft(np.minimum(phase, 17.0 - phase) - 2.0)
    side = np.abs(x)
    body = _ellipse(x, y, 0.0, 21.0, 13.0, 9.0)
    arch = np.float32(2.0) - np.abs(_ellipse(x, y, 0.0, 37.0, 13.0, 10.0))
    facet = _ellipse(side, y, 17.0, 31.0, 6.0, 5.0)
    spinous = np.minimum(3.0 - side, np.minimum(y - 45.0, 60.0 - y))
    for shape, core in ((body, MARROW), (facet, 0.8 * CORTEX), (arch, 0.8 * CORTEX)):
        _paint(hu, _soft(shape) * bony, np.float32(core))
    _paint(hu, _soft(spinous) * _soft(np.minimum(phase, 17.0 - phase) - 4.5), np.float32(MARROW))
    _paint(hu, _soft(0.9 - np.abs(body - 0.9)) * bony, np.float32(0.8 * CORTEX))
    _paint(hu, _soft(body) * (1.0 - bony), np.float32(DISC))
    _paint(hu, _soft(_ellipse(x, y, 0.0, 37.0, 10.0, 7.5) + 0.0 * z), np.float32(CORD - 15.0))
    _paint(hu, _soft(_ellipse(x, y, 0.0, 37.0, 6.5, 4.5) + 0.0 * z), np.float32(CORD + 8.0))


def _mandible(hu: FloatArray, x: FloatArray, y: FloatArray, z: FloatArray) -> None:
    arc = _ellipse(x, y, 0.0, -8.0, 47.0, 45.0)
    open_behind = 10.0 + 0.5 * (z - 30.0) - y
    height = np.minimum(z - 26.0 + 0.45 * (y + 30.0), 60.0 - z)
    shape = np.minimum(np.minimum(4.5 - np.abs(arc), open_behind), height)
    _paint(hu, _soft(shape), np.float32(CORTEX + 250.0))
    _paint(hu, _soft(shape - 2.5), np.float32(MARROW + 70.0))


def _airway(
    hu: FloatArray, x: FloatArray, y: FloatArray, z: FloatArray, airway_x: FloatArray
) -> None:
    below = 0.5 - 0.5 * np.tanh((z + 22.0) / 6.0)
    shape = _ellipse(x, y, airway_x, -15.0, 10.5 - 2.0 * below, 6.5 + 3.0 * below)
    _paint(hu, _soft(1.2 - np.abs(shape + 2.0)) * below, np.float32(140.0))  # cartilage
    _paint(hu, _soft(shape), np.float32(AIR))
