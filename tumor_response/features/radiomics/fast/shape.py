"""Size and shape of a region in three dimensions, as PyRadiomics measures them.

PyRadiomics draws a surface cube by cube through the middles between inside and outside voxel
centres. What a cube adds depends on which of its eight corners are inside: 256 configurations,
each with an area, a signed volume and, since volumes are summed as cones from the corner of the
array, a term that grows with the cube's place. At some faces the surface has holes
(``imaging.mesh`` has none), so that the places do not cancel and the numbers are no formula's but
PyRadiomics' own. They are asked from it, once for each configuration; a region is then one count
over its cubes.
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from tumor_response.features.radiomics.fast.axes import axis_eigenvalues
from tumor_response.features.radiomics.fast.diameters import largest_distances_mm
from tumor_response.features.radiomics.fast.region import Region
from tumor_response.features.radiomics.kernels import kernel

__all__ = ["DEPRECATED", "FEATURES", "shape_features"]

FEATURES = (
    "Elongation",
    "Flatness",
    "LeastAxisLength",
    "MajorAxisLength",
    "Maximum2DDiameterColumn",
    "Maximum2DDiameterRow",
    "Maximum2DDiameterSlice",
    "Maximum3DDiameter",
    "MeshVolume",
    "MinorAxisLength",
    "Sphericity",
    "SurfaceArea",
    "SurfaceVolumeRatio",
    "VoxelVolume",
)
"""PyRadiomics' names, in its order."""

DEPRECATED = ("Compactness1", "Compactness2", "SphericalDisproportion")
"""Other forms of sphericity, which PyRadiomics gives only to those who name them."""

UNITS_PER_VOXEL = 48
"""Corners of triangles lie on halves: a cone's volume is a whole number of 1 / (6 x 2³)."""


def shape_features(region: Region) -> dict[str, float]:
    """Return PyRadiomics' shape features of a region, deprecated ones included.

    Parameters
    ----------
    region
        The box decides, through the holes of the surface, the last digits of the volume: give the
        box that PyRadiomics crops to. The intensities are not used.

    Returns
    -------
    dict
        ``FEATURES``, then ``DEPRECATED``: mm, mm², mm³ or without unit; NaN for 0/0.

    Notes
    -----
    Definitions: PyRadiomics, class ``RadiomicsShape``. Lorensen and Cline, Computer Graphics
    1987;21:163 (marching cubes).

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.fast.region import Region
    >>> from tumor_response.features.radiomics.fast.shape import shape_features
    >>> cube = Region(np.zeros((9, 9, 9)), np.ones((9, 9, 9), dtype=bool), (1.0, 1.0, 1.0))
    >>> shape = shape_features(cube)
    >>> shape["VoxelVolume"], round(shape["MeshVolume"], 2), round(shape["Sphericity"], 3)
    (729.0, 716.17, 0.853)
    """
    padded = np.zeros([n + 2 for n in region.mask.shape], dtype=np.uint8)
    padded[1:-1, 1:-1, 1:-1] = region.mask
    volume_units, place_units = _volume_of_configurations()
    counts = np.zeros(256, np.int64)
    units = _count_cubes(padded, volume_units, place_units, counts)
    area = float(counts @ _area_of_configurations(region.spacing_mm))
    volume = units / UNITS_PER_VOXEL * region.voxel_volume_mm3
    if units == 0:
        # a few scattered voxels: nothing but PyRadiomics' rounding, by which it then divides
        _, volume = _asked(padded, region.spacing_mm)
    across_z, across_y, across_x, in_space = largest_distances_mm(padded, region.spacing_mm)
    eigenvalues = axis_eigenvalues(region.mask, region.spacing_mm)
    with np.errstate(invalid="ignore", divide="ignore"):
        # the root of a negative eigenvalue is NaN, as in PyRadiomics
        least, minor, major = (4 * np.sqrt(eigenvalues)).real.tolist()
        flatness, elongation = np.sqrt(eigenvalues[:2] / eigenvalues[2]).real.tolist()
    # surface of the ball of the same volume
    ball = (36 * np.pi * volume**2) ** (1 / 3)
    return {
        "Elongation": elongation,
        "Flatness": flatness,
        "LeastAxisLength": least,
        "MajorAxisLength": major,
        "Maximum2DDiameterColumn": across_y,
        "Maximum2DDiameterRow": across_x,
        "Maximum2DDiameterSlice": across_z,
        "Maximum3DDiameter": in_space,
        "MeshVolume": volume,
        "MinorAxisLength": minor,
        "Sphericity": ball / area,
        "SurfaceArea": area,
        "SurfaceVolumeRatio": area / volume if volume else float("nan"),
        "VoxelVolume": float(np.count_nonzero(region.mask)) * region.voxel_volume_mm3,
        "Compactness1": volume / (area**1.5 * float(np.sqrt(np.pi))),
        "Compactness2": 36 * float(np.pi) * volume**2 / area**3,
        "SphericalDisproportion": area / ball if ball else float("nan"),
    }


@kernel
def _count_cubes(
    padded: NDArray[np.uint8],
    volume_units: NDArray[np.int64],
    place_units: NDArray[np.int64],
    counts: NDArray[np.int64],
) -> int:
    """Count how often each configuration occurs; return the volume in 1/48 of a voxel."""
    n_z, n_y, n_x = padded.shape
    units = 0
    for z in range(n_z - 1):
        for y in range(n_y - 1):
            code = 0  # of a row's first cube: the border is outside
            for x in range(n_x - 1):
                code >>= 4
                code |= padded[z, y, x + 1] << 4
                code |= padded[z, y + 1, x + 1] << 5
                code |= padded[z + 1, y, x + 1] << 6
                code |= padded[z + 1, y + 1, x + 1] << 7
                if code == 0 or code == 255:
                    continue
                counts[code] += 1
                units += volume_units[code]
                units += place_units[code, 0] * z
                units += place_units[code, 1] * y
                units += place_units[code, 2] * x
    return units


@cache
def _volume_of_configurations() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each configuration's volume at the array's corner and its growth by place.

    Shapes (256,) and (256, 3), in 1/48 of a voxel: stretched voxels keep their shares.
    """
    unit = (1.0, 1.0, 1.0)
    at_corner = np.array([_asked(cube, unit)[1] for cube in _cubes()])
    growth = np.empty((256, 3))
    for axis in range(3):
        for code, cube in enumerate(_cubes()):
            # one step along the axis; the cube in between, half of it empty, counts as well
            layers = np.moveaxis(np.insert(cube, 0, 0, axis=axis), axis, 0)
            between = np.moveaxis(layers[:2], 0, axis)
            both = _asked(np.moveaxis(layers, 0, axis), unit)[1]
            growth[code, axis] = both - _asked(between, unit)[1] - at_corner[code]
    units = np.rint(UNITS_PER_VOXEL * np.column_stack([at_corner, growth])).astype(np.int64)
    return units[:, 0].copy(), units[:, 1:].copy()


# each spacing costs a millisecond, and images that are not resampled have their own
@lru_cache(maxsize=1024)
def _area_of_configurations(spacing_mm: tuple[float, float, float]) -> NDArray[np.float64]:
    """Return the surface of each configuration in mm², shape (256,)."""
    return np.array([_asked(cube, spacing_mm)[0] for cube in _cubes()])


@cache
def _cubes() -> NDArray[np.uint8]:
    """Return the configurations as arrays, shape (256, 2, 2, 2) with axes code, z, y, x."""
    # bit 4 x + 2 z + y of a code is the corner (z, y, x)
    bits = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1, bitorder="little")
    return np.ascontiguousarray(bits.reshape(256, 2, 2, 2).transpose(0, 2, 3, 1))


def _asked(mask: NDArray[np.uint8], spacing_mm: tuple[float, ...]) -> tuple[float, float]:
    """Return PyRadiomics' surface and volume of an array."""
    from radiomics import cShape

    area, volume, _ = cShape.calculate_coefficients(mask, np.array(spacing_mm))
    return area, volume
