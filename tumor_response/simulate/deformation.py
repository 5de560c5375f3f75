"""Deformation: tumour and surroundings contract along a known radial map with a known Jacobian.

The map takes a baseline point at distance ``r`` from the centre to distance ``rho(r)`` in the same
direction. Its Jacobian determinant is exactly ``(rho / r)^2 d rho / d r``, because directions stay.
Inside, the determinant is prescribed, ``J = exp(-A w)`` with the sensitivity ``w``, and ``rho``
follows by integration along the ray, ``rho^3 = 3 * integral of J r^2 dr``; ``A`` is where the
volume of the image of the lesion is the target. Outside, the surface's displacement fades to zero
along a smooth step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.optimize import brentq

from tumor_response.simulate.random_field import SphereFunction
from tumor_response.simulate.retreat import Retreat, nearest_surface, sensitivity
from tumor_response.simulate.tumour import Lesion, smallest

__all__ = ["RadialMap", "deform", "log_jacobian_map", "radial_map", "warp"]

FloatArray = npt.NDArray[np.float32]

N_RADIAL = 25
"""Nodes along a ray inside the lesion."""
FADE_MM = 15.0
"""Least distance over which the displacement fades outside."""


@dataclass(frozen=True)
class RadialMap:
    """Baseline-to-follow-up map of one lesion.

    Parameters
    ----------
    surface_mm, moved_surface_mm
        Distance of the baseline and of the follow-up surface, by direction (61, 120).
    inside_mm
        ``rho`` at ``N_RADIAL`` equal steps from centre to surface, (61, 120, N_RADIAL).
    amplitude
        ``A``; negative for growth.
    """

    surface_mm: FloatArray
    moved_surface_mm: FloatArray
    inside_mm: FloatArray
    amplitude: float

    @property
    def displacement_mm(self) -> FloatArray:
        """How far the surface moved towards the centre, by direction."""
        return self.surface_mm - self.moved_surface_mm

    @property
    def fade_mm(self) -> float:
        """Distance outside the surface at which nothing moves any more."""
        return max(FADE_MM, 2.5 * float(np.abs(self.displacement_mm).max()))

    @property
    def reach_mm(self) -> float:
        """Distance from the centre beyond which nothing moves."""
        return float(self.surface_mm.max()) + self.fade_mm

    def source_distance(self, distance_mm: FloatArray, direction: FloatArray) -> FloatArray:
        """Return how far from the centre the tissue lay at baseline that now lies here."""
        n_nodes = 128
        now = np.linspace(0.0, self.reach_mm, n_nodes)
        table = np.empty((*self.surface_mm.shape, n_nodes), dtype=np.float32)
        steps = np.linspace(0.0, 1.0, N_RADIAL)
        outside = np.linspace(0.0, 1.0, 33)[1:]
        surface, shift = self.surface_mm[..., None], self.displacement_mm[..., None]
        beyond = surface + self.fade_mm * outside
        end = np.full_like(surface, self.reach_mm)
        before = np.concatenate([surface * steps, beyond, end], axis=-1)
        after = np.concatenate([self.inside_mm, beyond - shift * _fade(outside), end], axis=-1)
        for place in np.ndindex(self.surface_mm.shape):
            table[place] = np.interp(now, after[place], before[place])
        wrapped = np.concatenate([table, table[:, :1]], axis=1)
        radial = distance_mm * np.float32((n_nodes - 1) / self.reach_mm)
        source = ndimage.map_coordinates(
            wrapped, np.stack([*direction, radial]), order=1, mode="nearest"
        )
        return np.where(distance_mm < self.reach_mm, source, distance_mm)

    def log_jacobian(
        self, lesion: Lesion, distance_mm: FloatArray, direction: FloatArray
    ) -> FloatArray:
        """Return the log-Jacobian outside the lesion; negative where tissue contracted."""
        surface = lesion.surface_mm.at(direction)
        shift = SphereFunction(self.displacement_mm).at(direction)
        u = np.clip((distance_mm - surface) / self.fade_mm, 0.0, 1.0)
        r = np.maximum(distance_mm, 1e-3)
        stretch = (r - shift * _fade(u)) / r
        along = 1.0 + shift / self.fade_mm * 6.0 * u * (1.0 - u)
        return np.asarray(np.log(np.maximum(stretch, 1e-6) ** 2 * along), dtype=np.float32)


def _fade(u: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    return (1.0 - u) ** 2 * (1.0 + 2.0 * u)


def radial_map(lesion: Lesion, remainder: float) -> RadialMap:
    """Return the map that leaves ``remainder`` (follow-up over baseline volume) of the lesion."""
    directions = SphereFunction.directions()
    surface = lesion.surface_mm.table
    steps = np.linspace(0.0, 1.0, N_RADIAL, dtype=np.float32)
    reach = surface[..., None] * steps
    points = tuple(
        lesion.centre_mm[axis] + directions[..., None, axis] * reach for axis in range(3)
    )
    at = lesion.grid.index_of(points, lesion.box)
    w = ndimage.map_coordinates(sensitivity(lesion), at, order=1, mode="nearest")
    solid = SphereFunction.solid_angles()
    baseline = float((solid * surface**3).sum())

    def inside(amplitude: float) -> FloatArray:
        jacobian = np.exp(-_exponent(amplitude, w))
        shells = steps[1:] ** 3 - steps[:-1] ** 3
        mass = np.cumsum((jacobian[..., 1:] + jacobian[..., :-1]) / 2 * shells, axis=-1)
        rho = surface[..., None] * np.cbrt(mass)
        return np.concatenate([np.zeros_like(surface)[..., None], rho], axis=-1)

    def excess(amplitude: float) -> float:
        return float((solid * inside(amplitude)[..., -1] ** 3).sum()) / baseline - remainder

    amplitude = float(brentq(excess, -3.0, 30.0, xtol=1e-9))
    rho = inside(amplitude)
    return RadialMap(surface, rho[..., -1], rho, amplitude)


def _exponent(amplitude: float, w: FloatArray) -> FloatArray:
    """Contraction is strongest where the field is high; growth where it is low."""
    return np.asarray(amplitude * (w if amplitude > 0 else 1.0 / w))


def deform(lesion: Lesion, radial: RadialMap, n_voxels: int) -> Retreat:
    """Return the follow-up mask (exactly ``n_voxels``) and the retreat along the ray."""
    moved = SphereFunction(radial.moved_surface_mm).at(lesion.direction)
    mask = smallest(lesion.distance_mm / moved, n_voxels, lesion.distance_mm)
    _, nearest = nearest_surface(lesion.mask, lesion.grid.spacing_zyx)
    at_surface = SphereFunction(radial.displacement_mm).at(lesion.direction)
    retreat = at_surface[tuple(nearest)]
    return Retreat(mask, np.where(lesion.mask, retreat, 0.0).astype(np.float32))


def log_jacobian_map(lesion: Lesion, radial: RadialMap) -> FloatArray:
    """Return the log-Jacobian of the follow-up-to-baseline registration on the whole grid.

    The fixed image is the baseline: the map lies on the baseline grid and is negative where
    tissue shrank.
    """
    grid = lesion.grid
    box = grid.box_around(lesion.centre_mm, radial.reach_mm + 2 * max(grid.spacing_mm))
    x, y, z = grid.axes(box)
    cx, cy, cz = (np.float32(c) for c in lesion.centre_mm)
    distance, direction = SphereFunction.angles((x - cx, y - cy, z - cz))
    whole = np.zeros(grid.shape, dtype=np.float32)
    whole[box.slices] = radial.log_jacobian(lesion, distance, direction)
    inside = -_exponent(radial.amplitude, sensitivity(lesion))
    whole[lesion.box.slices][lesion.mask] = inside[lesion.mask]
    return whole


def warp(lesion: Lesion, radial: RadialMap, blurred: FloatArray) -> FloatArray:
    """Return the follow-up image: each voxel takes the tissue that moved there."""
    grid = lesion.grid
    box = grid.box_around(lesion.centre_mm, radial.reach_mm)
    x, y, z = grid.axes(box)
    cx, cy, cz = (np.float32(c) for c in lesion.centre_mm)
    dx, dy, dz = x - cx, y - cy, z - cz
    distance, direction = SphereFunction.angles((dx, dy, dz))
    factor = radial.source_distance(distance, direction) / np.maximum(distance, 1e-3)
    at = grid.index_of((cx + dx * factor, cy + dy * factor, cz + dz * factor), grid.whole())
    result = blurred.copy()
    result[box.slices] = ndimage.map_coordinates(blurred, at, order=1, mode="nearest")
    return result
