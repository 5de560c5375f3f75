"""Where the region of interest lies, and whether PyRadiomics would work on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from tumor_response.features.radiomics.kernels import kernel

__all__ = [
    "Box",
    "bounding_box",
    "check_inside",
    "corrected_mask",
    "region_box",
    "too_small",
]

Box = tuple[slice, slice, slice]
"""Index ranges along (z, y, x)."""

_DEFAULT_TOLERANCE = 1e-6
_OUTSIDE_TOLERANCE = 1e-3


def region_box(mask: sitk.Image) -> Box:
    """Return the bounding box of label 1 in a mask.

    Raises
    ------
    ValueError
        If nothing is segmented, or other labels only.
    """
    stored = sitk.GetArrayViewFromImage(mask)
    box = bounding_box(stored if stored.dtype == np.uint8 else stored == 1)
    if box is None:
        others = np.unique(stored)
        others = others[others != 0]
        if others.size == 0:
            raise ValueError("No labels found in this mask (i.e. nothing is segmented)!")
        raise ValueError(f"Label (1) not present in mask. Choose from {others}")
    return box


def bounding_box(labels: NDArray[np.bool_] | NDArray[np.uint8]) -> Box | None:
    """Return the smallest box around the voxels of a (z, y, x) array that are 1 or True.

    Examples
    --------
    >>> import numpy as np
    >>> inside = np.zeros((4, 5, 6), dtype=bool)
    >>> inside[1, 2:4, 5] = True
    >>> bounding_box(inside)
    (slice(1, 2, None), slice(2, 4, None), slice(5, 6, None))
    """
    bounds = np.full(6, -1)
    _bounds(np.ascontiguousarray(labels).view(np.uint8), bounds)
    if bounds[0] < 0:
        return None
    z, y, x = (slice(int(a), int(b) + 1) for a, b in bounds.reshape(3, 2))
    return z, y, x


@kernel
def _bounds(labels: NDArray[np.uint8], bounds: NDArray[np.int64]) -> None:
    """Fill in the first and the last index of label 1 along z, y, x; -1 stays if there is none."""
    nz, ny, nx = labels.shape
    for z in range(nz):
        for y in range(ny):
            found = False
            for x in range(nx):
                found |= labels[z, y, x] == 1
            if not found:
                continue
            if bounds[0] < 0:
                bounds[0] = z
                bounds[2] = y
                bounds[4] = nx
            bounds[1] = z
            if y < bounds[2]:
                bounds[2] = y
            if y > bounds[3]:
                bounds[3] = y
            for x in range(nx):
                if labels[z, y, x] == 1:
                    if x < bounds[4]:
                        bounds[4] = x
                    if x > bounds[5]:
                        bounds[5] = x


def too_small(inside: NDArray[np.bool_], setting: Mapping[str, Any]) -> str:
    """Return why PyRadiomics takes a region for too small, or ``""``.

    Parameters
    ----------
    inside
        The region's mask, cut to its bounding box.
    setting
        ``minimumROIDimensions`` (default 2) and ``minimumROISize`` (voxels; the region must have
        more than that). A single voxel is too small in any case.

    Examples
    --------
    >>> import numpy as np
    >>> too_small(np.ones((1, 1, 9), dtype=bool), {})
    'mask has too few dimensions (number of dimensions 1, minimum required 2)'
    >>> too_small(np.ones((1, 1, 9), dtype=bool), {"minimumROIDimensions": 1})
    ''
    """
    n_dimensions = sum(size > 1 for size in inside.shape)
    minimum = setting.get("minimumROIDimensions", 2)
    if n_dimensions == 0:
        return "mask only contains 1 segmented voxel! Cannot extract features for a single voxel."
    if n_dimensions < minimum:
        return (
            f"mask has too few dimensions (number of dimensions {n_dimensions}, minimum required "
            f"{minimum})"
        )
    minimum_size = setting.get("minimumROISize")
    size = int(np.count_nonzero(inside))
    if minimum_size is not None and size <= minimum_size:
        return f"Size of the ROI is too small (minimum size: {minimum_size}, ROI size: {size})"
    return ""


def check_inside(image: sitk.Image, mask: sitk.Image, box: Box) -> None:
    """Refuse a region that reaches beyond the image by more than 1e-3 voxel.

    The corners of the box, half a voxel outside its outermost centres, are compared with the
    corners of the image, in the image's continuous index.

    Raises
    ------
    ValueError
        If the box is not inside the image.
    """
    lower = [edge.start - 0.5 for edge in reversed(box)]
    upper = [edge.stop - 0.5 for edge in reversed(box)]
    corners = np.array(
        [
            image.TransformPhysicalPointToContinuousIndex(
                mask.TransformContinuousIndexToPhysicalPoint(corner)
            )
            for corner in (lower, upper)
        ]
    )
    beyond = np.array(image.GetSize()) - 0.5 + _OUTSIDE_TOLERANCE
    if np.any(corners.min(axis=0) < -0.5 - _OUTSIDE_TOLERANCE) or np.any(
        corners.max(axis=0) > beyond
    ):
        raise ValueError(
            "Bounding box of ROI is larger than image space: ROI bounds (x, y, z image "
            f"coordinate space) {corners.tolist()}, image size {image.GetSize()}"
        )


def corrected_mask(
    image: sitk.Image, mask: sitk.Image, box: Box, setting: Mapping[str, Any]
) -> sitk.Image | None:
    """Return the mask on the image's grid where it is not on it already, else None.

    Two grids are the same within ``geometryTolerance`` (default 1e-6): origin and spacing within
    that part of the image's first spacing, direction cosines within it absolutely.

    Raises
    ------
    ValueError
        If the grids differ and ``correctMask`` is not set, or the region is not inside the image.
    """
    if image.GetSize() != mask.GetSize():
        mismatch = "datatype or size mismatch. Potential fix: enable correctMask"
    elif not _same_space(image, mask, setting.get("geometryTolerance")):
        mismatch = "geometry mismatch. Potential fix: increase geometryTolerance"
    else:
        return None
    if not setting.get("correctMask", False):
        raise ValueError(f"Image/Mask {mismatch}")
    check_inside(image, mask, box)
    resampler = sitk.ResampleImageFilter()
    resampler.SetReferenceImage(image)
    resampler.SetInterpolator(sitk.sitkNearestNeighbor)
    return resampler.Execute(mask)


def _same_space(image: sitk.Image, mask: sitk.Image, tolerance: float | None) -> bool:
    relative = _DEFAULT_TOLERANCE if tolerance is None else tolerance
    absolute = abs(relative * image.GetSpacing()[0])
    return (
        _within(image.GetOrigin(), mask.GetOrigin(), absolute)
        and _within(image.GetSpacing(), mask.GetSpacing(), absolute)
        and _within(image.GetDirection(), mask.GetDirection(), relative)
    )


def _within(ones: tuple[float, ...], others: tuple[float, ...], tolerance: float) -> bool:
    return all(abs(one - other) <= tolerance for one, other in zip(ones, others, strict=True))
