"""Size and shape of a region of one layer, as PyRadiomics measures them."""

from __future__ import annotations

import numpy as np

from tumor_response.features.radiomics.fast.axes import axis_eigenvalues
from tumor_response.features.radiomics.fast.region import Region

__all__ = ["DEPRECATED", "FEATURES", "shape2d_features"]

FEATURES = (
    "Elongation",
    "MajorAxisLength",
    "MaximumDiameter",
    "MeshSurface",
    "MinorAxisLength",
    "Perimeter",
    "PerimeterSurfaceRatio",
    "PixelSurface",
    "Sphericity",
)
"""PyRadiomics' names, in its order."""

DEPRECATED = ("SphericalDisproportion",)
"""The inverse of sphericity, which PyRadiomics gives only to those who name it."""


def shape2d_features(region: Region, force2d_axis: int = 0) -> dict[str, float]:
    """Return PyRadiomics' two-dimensional shape features, the deprecated one included.

    Parameters
    ----------
    region
        One voxel thick along ``force2d_axis``. The intensities are not used.
    force2d_axis
        The axis across the layer: 0, 1, 2 = z, y, x.

    Returns
    -------
    dict
        ``FEATURES``, then ``DEPRECATED``: mm, mm² or without unit; NaN for 0/0.

    Raises
    ------
    ValueError
        The region is thicker, which PyRadiomics refuses too.

    Notes
    -----
    Definitions: PyRadiomics, class ``RadiomicsShape2D``. Perimeter, surface and diameter are asked
    from its compiled function: outlines are short, and there is nothing to win.

    Examples
    --------
    >>> import numpy as np
    >>> from tumor_response.features.radiomics.fast.region import Region
    >>> from tumor_response.features.radiomics.fast.shape2d import shape2d_features
    >>> slab = Region(np.zeros((1, 4, 6)), np.ones((1, 4, 6), dtype=bool), (3.0, 1.0, 1.0))
    >>> shape = shape2d_features(slab)
    >>> shape["PixelSurface"], shape["MeshSurface"], round(shape["MaximumDiameter"], 2)
    (24.0, 23.5, 6.71)
    """
    from radiomics import cShape

    if region.mask.shape[force2d_axis] > 1:
        raise ValueError(
            f"shape2D: Size of the mask in dimension {force2d_axis} is more than 1 "
            f"({region.mask.shape[force2d_axis]}), cannot compute 2D shape. The region has to lie "
            "in one slice across force2Ddimension."
        )
    mask = np.take(region.mask, 0, axis=force2d_axis)
    spacing_mm = tuple(s for axis, s in enumerate(region.spacing_mm) if axis != force2d_axis)
    perimeter, surface, diameter = cShape.calculate_coefficients2D(
        np.pad(mask, 1), np.array(spacing_mm)
    )
    eigenvalues = axis_eigenvalues(mask, spacing_mm)
    with np.errstate(invalid="ignore", divide="ignore"):
        # the root of a negative eigenvalue is NaN, as in PyRadiomics
        minor, major = (4 * np.sqrt(eigenvalues)).real.tolist()
        elongation = float(np.sqrt(eigenvalues[0] / eigenvalues[1]).real)
    circle = 2 * float(np.sqrt(np.pi * surface))
    return {
        "Elongation": elongation,
        "MajorAxisLength": major,
        "MaximumDiameter": diameter,
        "MeshSurface": surface,
        "MinorAxisLength": minor,
        "Perimeter": perimeter,
        "PerimeterSurfaceRatio": perimeter / surface if surface else float("nan"),
        "PixelSurface": float(np.count_nonzero(mask)) * spacing_mm[0] * spacing_mm[1],
        "Sphericity": circle / perimeter,
        "SphericalDisproportion": perimeter / circle if circle else float("inf"),
    }
