"""A lesion: where it sits, its irregular border, its response field and its texture.

The border is star-shaped: the surface lies at ``R(direction)`` from the centre. The lesion's
voxels are the ``k`` with the smallest ``r / R(direction)``, so that its voxel volume hits any
target within half a voxel.

The response field is ``field_mean + local variation``; it is high where the tumour will retreat.
It shows in the texture alone. The interior is ``mean + sd * t`` with::

    t = sqrt(1 - p) * coarse + sqrt(p) * fine,      p = 1 / (1 + exp(-gain * field))

Coarse and fine texture are passed through the scanner's point spread first, and brought to mean 0
and variance 1 within the lesion afterwards, so neither the mean nor the standard deviation of the
HU in the lesion tells the field; both also vary from patient to patient for reasons of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tumor_response.imaging.random_field import blurred_noise
from tumor_response.simulate.grid import Box, Grid
from tumor_response.simulate.random_field import SphereFunction
from tumor_response.simulate.scanner import Scanner

__all__ = ["Lesion", "place_lesion", "smallest"]

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]

FIELD_SD = 0.6
"""Standard deviation of the field's variation within a lesion (between patients it is 1)."""
TEXTURE_GAIN = 3.0
COARSE_SIGMA_MM = 5.0
FINE_SIGMA_MM = 0.8
MEAN_HU, MEAN_HU_SD = 62.0, 9.0
TEXTURE_SD_HU, TEXTURE_SD_SPREAD = 24.0, 0.2


def smallest(order: FloatArray, k: int, tie_break: FloatArray) -> BoolArray:
    """Return the mask of the ``k`` smallest elements of ``order``, ties settled by the second."""
    chosen = np.zeros(order.size, dtype=bool)
    chosen[np.lexsort((tie_break.ravel(), order.ravel()))[:k]] = True
    return chosen.reshape(order.shape)


@dataclass(frozen=True)
class Lesion:
    """A lesion on its box of voxels.

    Parameters
    ----------
    grid, box
        Where its arrays lie.
    centre_mm
        x, y, z of the centre.
    surface_mm
        Distance of the surface from the centre in each direction.
    distance_mm, direction
        Of each voxel from the centre (see :meth:`SphereFunction.angles`).
    allowed
        False where another lesion is nearer.
    mask
        Voxels of the lesion at baseline.
    field
        Response field, defined on the whole box; its mean over ``mask`` is the latent one.
    """

    grid: Grid
    box: Box
    centre_mm: tuple[float, float, float]
    surface_mm: SphereFunction
    distance_mm: FloatArray
    direction: FloatArray
    allowed: BoolArray
    mask: BoolArray
    field: FloatArray

    @property
    def level(self) -> FloatArray:
        """``r / R(direction)``: below 1 inside the continuous surface."""
        level = self.distance_mm / self.surface_mm.at(self.direction)
        return np.asarray(np.where(self.allowed, level, np.inf), dtype=np.float32)

    @property
    def local_field(self) -> FloatArray:
        """The field's variation within the lesion, in standard deviations."""
        inside = self.field[self.mask]
        return np.asarray((self.field - inside.mean()) / FIELD_SD, dtype=np.float32)


def radius_mm(volume_cc: float) -> float:
    """Return the radius of the sphere of that volume."""
    return float(np.cbrt(3.0 * volume_cc * 1000.0 / (4.0 * np.pi)))


def lesion_centres(
    rng: np.random.Generator, volumes_cc: list[float]
) -> list[tuple[float, float, float]]:
    """Return a centre for each lesion: beside the pharynx, alternating sides.

    Large lesions lie further from the midline, clear of spine and airway; three or four lesions
    are put two above each other.
    """
    side = 1.0 if rng.random() < 0.5 else -1.0
    levels = (0.0, 0.0) if len(volumes_cc) <= 2 else (33.0, 33.0, -33.0, -33.0)
    centres = []
    for i, volume in enumerate(volumes_cc):
        radius = radius_mm(volume)
        jitter = rng.uniform(-1.0, 1.0, 3)
        room = 8.0 if len(volumes_cc) <= 2 else 2.0
        lateral = side * (-1.0) ** i * (17.0 + 0.85 * radius + 2.0 * jitter[0])
        centres.append((lateral, -4.0 + 4.0 * jitter[1], levels[i] - 4.0 + room * jitter[2]))
    return centres


def place_lesion(
    grid: Grid,
    centres_mm: list[tuple[float, float, float]],
    volumes_cc: list[float],
    index: int,
    field_mean: float,
    shape_rng: np.random.Generator,
    field_rng: np.random.Generator,
) -> Lesion:
    """Return lesion ``index`` of a patient whose lesions have these centres and volumes."""
    centre, radius = centres_mm[index], radius_mm(volumes_cc[index])
    border = 0.13 * SphereFunction.random(shape_rng, 0.6)
    border += 0.05 * SphereFunction.random(shape_rng, 0.25)
    surface = np.exp(np.clip(border, -0.35, 0.35))
    surface *= radius / np.cbrt((SphereFunction.solid_angles() * surface**3).sum())
    box = grid.box_around(centre, float(surface.max()) * 1.25 + 12.0)
    axes = grid.axes(box)
    offset = (axes[0] - centre[0], axes[1] - centre[1], axes[2] - centre[2])
    distance, direction = SphereFunction.angles(offset)
    allowed = np.ones(distance.shape, dtype=bool)
    for other, volume in zip(
        centres_mm[:index] + centres_mm[index + 1 :],
        volumes_cc[:index] + volumes_cc[index + 1 :],
        strict=True,
    ):
        away = np.sqrt(sum((axes[a] - np.float32(other[a])) ** 2 for a in range(3)))
        allowed &= distance / radius < away / radius_mm(volume)
    surface_mm = SphereFunction(surface)
    level = np.where(allowed, distance / surface_mm.at(direction), np.float32(np.inf))
    mask = smallest(level, max(1, round(volumes_cc[index] / grid.voxel_cc)), distance)
    field = _field(grid, box, mask, radius, field_mean, field_rng)
    return Lesion(grid, box, centre, surface_mm, distance, direction, allowed, mask, field)


def _field(
    grid: Grid,
    box: Box,
    mask: BoolArray,
    radius: float,
    field_mean: float,
    rng: np.random.Generator,
) -> FloatArray:
    sigma = max(4.0, 0.4 * radius)
    local = blurred_noise(rng, box.shape, (sigma,) * 3, grid.spacing_zyx)
    inside = local[mask]
    local = (local - inside.mean()) / inside.std()
    return np.asarray(field_mean + FIELD_SD * local, dtype=np.float32)


def interior_hu(lesion: Lesion, scanner: Scanner, rng: np.random.Generator) -> FloatArray:
    """Return the lesion's tissue in HU on its box, as the scanner sees it without noise."""
    mean = rng.normal(MEAN_HU, MEAN_HU_SD)
    sd = TEXTURE_SD_HU * np.exp(TEXTURE_SD_SPREAD * rng.standard_normal())
    components = []
    for sigma in (COARSE_SIGMA_MM, FINE_SIGMA_MM):
        seen = [float(np.hypot(sigma, psf)) for psf in scanner.psf_sigma_mm]
        noise = blurred_noise(
            rng, lesion.box.shape, (seen[0], seen[1], seen[2]), lesion.grid.spacing_zyx
        )
        components.append(_standardise(noise, lesion.mask))
    p = 1.0 / (1.0 + np.exp(-TEXTURE_GAIN * lesion.field))
    texture = np.sqrt(1.0 - p) * components[0] + np.sqrt(p) * components[1]
    return np.asarray(mean + sd * _standardise(texture, lesion.mask), dtype=np.float32)


def _standardise(values: FloatArray, mask: BoolArray) -> FloatArray:
    inside = values[mask]
    return np.asarray((values - inside.mean()) / inside.std(), dtype=np.float32)
