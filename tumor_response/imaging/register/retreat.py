"""How far the surface of a tumour retreated, in mm on the baseline.

Positive where the boundary moved inwards. Each point of the baseline's surface is taken to the
follow-up by the rigid alignment, and its distance from the follow-up's surface is the retreat; each
voxel of the baseline lesion carries the retreat of its nearest surface point, as in the truth maps
of :func:`tumor_response.simulate_cohort`. Outside of the lesion the map is 0.

Contours decide, not the deformation: on simulated pairs they are the more accurate of the two, and
where a tumour is eroded there is no deformation to find.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import SimpleITK as sitk
from scipy import ndimage

from tumor_response.imaging.register.surface import Surface

__all__ = [
    "Retreat",
    "field_retreat_mm",
    "measure_retreat",
    "moved",
    "residual_mm",
    "retreat_to_centre",
]

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Retreat:
    """The retreat at the points of the baseline's surface.

    Parameters
    ----------
    surface
        Of the baseline.
    retreat_mm
        At each of its points.
    """

    surface: Surface
    retreat_mm: FloatArray

    def mean_mm(self) -> float:
        """Return the mean over the surface, by area."""
        return float(np.average(self.retreat_mm, weights=self.surface.area_mm2))

    def mean_size_mm(self) -> float:
        """Return the mean over the surface whatever the direction, by area."""
        return float(np.average(np.abs(self.retreat_mm), weights=self.surface.area_mm2))

    def sd_mm(self) -> float:
        """Return the standard deviation over the surface, by area."""
        square = (self.retreat_mm - self.mean_mm()) ** 2
        return float(np.sqrt(np.average(square, weights=self.surface.area_mm2)))

    def percentile_mm(self, percent: float) -> float:
        """Return the value that this share of the surface stays below."""
        order = np.argsort(self.retreat_mm, kind="stable")
        area = np.cumsum(self.surface.area_mm2[order])
        at = np.searchsorted(area, percent / 100.0 * area[-1])
        return float(self.retreat_mm[order][min(int(at), len(order) - 1)])

    def share_above_percent(self, threshold_mm: float) -> float:
        """Return the share of the surface that retreated by more than ``threshold_mm``."""
        weight = self.surface.area_mm2
        return 100.0 * float(weight[self.retreat_mm > threshold_mm].sum() / weight.sum())

    def map_on(self, mask: sitk.Image) -> sitk.Image:
        """Return the retreat on the baseline's grid (float32, mm): 0 outside of the lesion."""
        inside = np.argwhere(sitk.GetArrayViewFromImage(mask))
        direction = np.array(mask.GetDirection()).reshape(3, 3) * np.array(mask.GetSpacing())
        centres = inside[:, ::-1] @ direction.T + np.array(mask.GetOrigin())
        values = np.zeros(mask.GetSize()[::-1], dtype=np.float32)
        values[tuple(inside.T)] = self.retreat_mm[self.surface.nearest(centres)]
        made = sitk.GetImageFromArray(values)
        made.CopyInformation(mask)
        return made


def measure_retreat(
    baseline_mask: sitk.Image, follow_up_mask: sitk.Image, rigid: sitk.Transform
) -> Retreat:
    """Measure the retreat from two contours.

    Parameters
    ----------
    baseline_mask, follow_up_mask
        Not empty.
    rigid
        Takes a point of the baseline to the follow-up.

    Raises
    ------
    CaseError
        Code ``surface_undefined``, for an empty mask.

    Examples
    --------
    >>> z, y, x = np.mgrid[:30, :30, :30] - 14.5
    >>> def ball(radius):
    ...     inside = x**2 + y**2 + z**2 <= radius**2
    ...     return sitk.GetImageFromArray(inside.astype(np.uint8))
    >>> found = measure_retreat(ball(11.0), ball(9.0), sitk.Transform(3, sitk.sitkIdentity))
    >>> bool(abs(found.mean_mm() - 2.0) < 0.1)
    True
    """
    surface = Surface.of(baseline_mask)
    later = Surface.of(follow_up_mask)
    return Retreat(surface, -later.depth_mm(moved(surface.points_mm, rigid)))


def retreat_to_centre(baseline_mask: sitk.Image) -> Retreat:
    """Return the retreat of a tumour that is gone.

    By convention every point of the surface went to the lesion's deepest voxel: there is no later
    surface to measure to.

    Examples
    --------
    >>> z, y, x = np.mgrid[:24, :24, :24] - 12
    >>> ball = sitk.GetImageFromArray((x**2 + y**2 + z**2 <= 64).astype(np.uint8))
    >>> bool(abs(retreat_to_centre(ball).mean_mm() - 8.0) < 0.2)
    True
    """
    surface = Surface.of(baseline_mask)
    inside = np.pad(sitk.GetArrayViewFromImage(baseline_mask) > 0, 1)
    depth = ndimage.distance_transform_edt(inside, sampling=baseline_mask.GetSpacing()[::-1])
    deepest = np.argwhere(depth == depth.max()) - 1
    middle = [float(v) for v in deepest.mean(axis=0)[::-1]]
    centre = np.array(baseline_mask.TransformContinuousIndexToPhysicalPoint(middle))
    return Retreat(surface, np.linalg.norm(surface.points_mm - centre, axis=1))


def field_retreat_mm(surface: Surface, displacement: sitk.Image) -> FloatArray:
    """Return how far a displacement field moves each point of a surface inwards.

    Parameters
    ----------
    surface
        Of the baseline.
    displacement
        Vectors in mm on the baseline, for the follow-up after rigid alignment.
    """
    return np.asarray(-(_sampled(displacement, surface.points_mm) * surface.normals).sum(axis=1))


def residual_mm(
    surface: Surface, follow_up_mask: sitk.Image, rigid: sitk.Transform, displacement: sitk.Image
) -> float:
    """Return how far the deformed baseline surface lies from the follow-up's contour, on average.

    The contours played no part in the registration: this is what it left over.
    """
    carried = surface.points_mm + _sampled(displacement, surface.points_mm)
    left = np.abs(Surface.of(follow_up_mask).depth_mm(moved(carried, rigid)))
    return float(np.average(left, weights=surface.area_mm2))


def moved(points_mm: FloatArray, transform: sitk.Transform) -> FloatArray:
    """Return transformed points, shape (n, 3); the transform is rigid."""
    origin = np.array(transform.TransformPoint((0.0, 0.0, 0.0)))
    axes = [np.array(transform.TransformPoint(tuple(row))) - origin for row in np.eye(3)]
    return np.asarray(points_mm @ np.stack(axes) + origin)


def _sampled(displacement: sitk.Image, points_mm: FloatArray) -> FloatArray:
    vectors = sitk.GetArrayViewFromImage(displacement)
    axes = np.array(displacement.GetDirection()).reshape(3, 3) * np.array(displacement.GetSpacing())
    index = (points_mm - np.array(displacement.GetOrigin())) @ np.linalg.inv(axes).T
    return np.stack(
        [
            ndimage.map_coordinates(vectors[..., k], index[:, ::-1].T, order=1, mode="nearest")
            for k in range(3)
        ],
        axis=1,
    )
