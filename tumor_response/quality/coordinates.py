"""From voxels to millimetres in the patient and back, for many points at once."""

from __future__ import annotations

import numpy as np
import SimpleITK as sitk

from tumor_response.imaging import Geometry

__all__ = ["index_of", "voxel_centres_mm"]


def voxel_centres_mm(mask: sitk.Image, at_most: int | None = None) -> np.ndarray:
    """Return the positions of a mask's non-zero voxels, shape (n, 3), LPS, mm.

    Parameters
    ----------
    mask
        3-D.
    at_most
        If there are more, every so-manieth is taken.

    Examples
    --------
    >>> mask = sitk.Image(3, 3, 3, sitk.sitkUInt8); mask[1, 2, 0] = 1
    >>> mask.SetSpacing((1.0, 1.0, 5.0)); mask.SetOrigin((10.0, 0.0, 0.0))
    >>> voxel_centres_mm(mask).tolist()
    [[11.0, 2.0, 0.0]]
    """
    index = np.argwhere(sitk.GetArrayViewFromImage(mask))[:, ::-1]
    if at_most is not None and len(index) > at_most:
        index = index[:: -(-len(index) // at_most)]
    return np.asarray(index @ _matrix(Geometry.of(mask)).T + np.array(mask.GetOrigin()))


def index_of(points_mm: np.ndarray, grid: Geometry) -> np.ndarray:
    """Return fractional indices (x, y, z) of positions on a grid, shape (n, 3).

    Examples
    --------
    >>> grid = Geometry.of(sitk.Image(3, 3, 3, sitk.sitkUInt8))
    >>> index_of(np.array([[1.0, 2.0, 0.5]]), grid).tolist()
    [[1.0, 2.0, 0.5]]
    """
    return np.asarray((points_mm - np.array(grid.origin_mm)) @ np.linalg.inv(_matrix(grid)).T)


def _matrix(grid: Geometry) -> np.ndarray:
    """Return what turns an index (x, y, z) into millimetres, but for the origin."""
    return np.asarray(np.array(grid.direction).reshape(3, 3) * np.array(grid.spacing_mm))
