"""What a contour that is a little off, and the grid it is drawn on, do to a lesion's volume.

The model: a lesion has volume V and the radius r of the sphere of that volume. An observer's
contour is off along the surface normal by a Gaussian random field, mean 0, standard deviation
``observer_sd_mm``, smooth over ``smooth_over_mm``: the field of
``simulate_cohort(observer_error_mm=...)``. Only its mean over the surface changes the volume to
first order. On a sphere that mean is normal with the variance ``observer_sd_mm**2 * share``,

    share = (1 - exp(-2 a)) / (2 a),    a = r**2 / (2 smooth_over_mm**2),

the average of the field's covariance exp(-d**2 / (4 smooth_over_mm**2)) over all pairs of surface
points. A contour that is off as a whole (``smooth_over_mm=None``) has share 1. With the mean
offset e, the drawn volume is V (1 + e / (r sphericity))**3: to first order V plus surface times e.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from tumor_response.imaging.random_field import CONTOUR_SMOOTH_OVER_MM
from tumor_response.settings import Settings

__all__ = ["ContourError", "offset_share", "redraw", "voxel_sd_cc"]

Array = npt.NDArray[np.float64]

SMALLEST_RADIUS = 0.1
"""Share of its radius that a lesion keeps at least: whoever contours it draws something."""

_Length = Annotated[float, Field(gt=0.0)]


class ContourError(Settings):
    """How the contour error behaves; its size, ``observer_sd_mm``, is an argument of its own.

    Parameters
    ----------
    smooth_over_mm
        Over what length along the surface the error is the same; sigma of the Gaussian that blurs
        white noise into the error field. ``None``: the whole contour is too wide or too narrow by
        one and the same amount, which gives the largest error of the volume.
    correlation
        Between the errors of the two time points of a lesion. 0: independent. Towards 1: the same
        person, or a contour carried over from the first scan, who errs in the same direction.
    sphericity
        Surface of the sphere of the lesion's volume over the lesion's own surface (IBSI
        "sphericity", QCFX). The same offset changes the volume of a jagged lesion more.
    spacing_mm
        Voxel size (x, y, z). Adds the scatter of voxel counting, see :func:`voxel_sd_cc`. ``None``:
        none is added.

    Raises
    ------
    SettingsError
        For a value out of range.

    Examples
    --------
    >>> ContourError(spacing_mm=(1, 1, 3)).smooth_over_mm
    20.0
    """

    smooth_over_mm: _Length | None = CONTOUR_SMOOTH_OVER_MM
    correlation: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    sphericity: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    spacing_mm: tuple[_Length, _Length, _Length] | None = None


def offset_share(volume_cc: Array, smooth_over_mm: float | None) -> Array:
    """Return the share of the error's variance that is left in its mean over the surface.

    Examples
    --------
    >>> import numpy as np
    >>> offset_share(np.array([1.0, 12.0, 60.0]), 20.0).round(2)
    array([0.95, 0.79, 0.52])
    """
    if smooth_over_mm is None:
        return np.ones_like(volume_cc)
    twice = (_radius_mm(volume_cc) / smooth_over_mm) ** 2
    with np.errstate(invalid="ignore"):
        return np.where(twice > 0, -np.expm1(-twice) / twice, 1.0)


def redraw(
    v0_cc: Array,
    v1_cc: Array,
    observer_sd_mm: Array,
    error: ContourError,
    rng: np.random.Generator,
) -> tuple[Array, Array]:
    """Return both volumes of each lesion as somebody else would draw them.

    Parameters
    ----------
    v0_cc, v1_cc
        Shape (n_draws, n_lesions): volumes at baseline and follow-up. A volume of 0 has no contour
        and stays 0.
    observer_sd_mm
        Shape (n_lesions,), standard deviation of the contour error along the surface normal.
    error
        How the error behaves.
    rng
        Source of the draws.

    Examples
    --------
    >>> import numpy as np
    >>> v = np.full((1000, 1), 12.0)
    >>> sd = np.array([1.0])
    >>> drawn, _ = redraw(v, v, sd, ContourError(), np.random.default_rng(0))
    >>> bool(abs(drawn.std() / (12.0 * 3 * 0.89 / 14.2) - 1) < 0.1)  # V 3 sd sqrt(share) / r
    True
    """
    first = rng.standard_normal(v0_cc.shape)
    own = rng.standard_normal(v1_cc.shape)
    second = error.correlation * first + np.sqrt(1.0 - error.correlation**2) * own
    return (
        _drawn(v0_cc, observer_sd_mm * first, error, rng),
        _drawn(v1_cc, observer_sd_mm * second, error, rng),
    )


def _drawn(
    volume_cc: Array, offset_mm: Array, error: ContourError, rng: np.random.Generator
) -> Array:
    offset = offset_mm * np.sqrt(offset_share(volume_cc, error.smooth_over_mm))
    scale = error.sphericity * np.where(volume_cc > 0, _radius_mm(volume_cc), np.inf)
    drawn = volume_cc * np.maximum(1.0 + offset / scale, SMALLEST_RADIUS) ** 3
    if error.spacing_mm is None:
        return np.asarray(drawn)
    counted = drawn + rng.standard_normal(drawn.shape) * voxel_sd_cc(
        drawn, error.spacing_mm, error.sphericity
    )
    return np.asarray(np.maximum(counted, volume_cc * SMALLEST_RADIUS**3))


def voxel_sd_cc(
    volume_cc: Array, spacing_mm: tuple[float, float, float], sphericity: float = 1.0
) -> Array:
    """Return the standard deviation of a volume by voxel count, over where the grid happens to lie.

    Parameters
    ----------
    volume_cc
        True volumes.
    spacing_mm
        Voxel size (x, y, z); smaller than the lesion.
    sphericity
        As in :class:`ContourError`; a larger surface scatters more.

    Notes
    -----
    The variance of counting is the sum of the body's power spectrum over the reciprocal lattice
    (Kendall 1948), and the spectrum of a smooth body of surface S falls as S / (8 pi**3 k**4)
    (Porod 1951), so the variance is S / (8 pi**3) times the sum of k**-4 over all reciprocal
    lattice points but the origin: 0.0666 S h**4 for cubic voxels of side h.

    References
    ----------
    Kendall DG. On the number of lattice points inside a random oval. Quarterly Journal of
    Mathematics 1948; 19: 1-26. Porod G. Die Röntgenkleinwinkelstreuung von dichtgepackten kolloiden
    Systemen. Kolloid-Zeitschrift 1951; 124: 83-114.

    Examples
    --------
    >>> import numpy as np
    >>> (100 * voxel_sd_cc(np.array([1.0, 12.0]), (3.0, 3.0, 3.0)) / [1.0, 12.0]).round(1)
    array([5.1, 1. ])
    """
    surface_mm2 = 4.0 * np.pi * _radius_mm(volume_cc) ** 2 / sphericity
    return np.asarray(np.sqrt(_lattice_mm4(spacing_mm) * surface_mm2) / 1000.0)


@lru_cache(maxsize=64)
def _lattice_mm4(spacing_mm: tuple[float, float, float]) -> float:
    """Return the sum of k**-4 over the reciprocal lattice, over 8 pi**3."""
    longest = 12.0 / min(spacing_mm)
    steps = [np.arange(-np.floor(longest * h), np.floor(longest * h) + 1) / h for h in spacing_mm]
    kx, ky, kz = np.meshgrid(*steps, indexing="ij", sparse=True)
    squared = kx**2 + ky**2 + kz**2
    inside = squared[(squared > 0) & (squared <= longest**2)]
    rest = 4.0 * np.pi * float(np.prod(spacing_mm)) / longest  # the sum beyond, as an integral
    return float(((inside**-2).sum() + rest) / (8.0 * np.pi**3))


def _radius_mm(volume_cc: Array) -> Array:
    """Radius of the sphere of that volume."""
    return np.asarray(np.cbrt(3000.0 * volume_cc / (4.0 * np.pi)))
