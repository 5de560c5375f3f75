"""Volume from a mask and the intensities at its contour.

A voxel that the contour runs through holds tumour and neighbour alike, and its intensity says how
much of either: halfway between the two, it is half tumour. Counting such voxels as 0 or 1 is the
larger part of a small lesion's volume error. The idea is that of segmentation-based partial volume
correction (Heckel et al., IEEE Trans Med Imaging 2014;33:462); the formulation here is our own:

- The *shell* is one layer of voxels on each side of the contour (26 neighbours). The voxels within
  it are safe tumour, those beyond it safe surroundings.
- What pure tumour and pure surroundings look like is asked locally: the mean T of the safe tumour
  and the mean S of the safe surroundings within a few voxels of each shell voxel. A tumour between
  fat and muscle has two different edges.
- A shell voxel of intensity I holds the share (I - S) / (T - S) of tumour.
- Where T and S differ by less than three times the spread of intensities around either, or where
  there are too few voxels to know them, the intensity says less than the contour: the voxel counts
  as the mask says. The spread (SD, the larger of the two) holds the noise, and also what makes a
  mean meaningless: surroundings that are part air, part muscle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

from tumor_response.exceptions import CaseError
from tumor_response.imaging.geometry import Geometry, adopt_grid
from tumor_response.imaging.volume import bounding_box

__all__ = ["PartialVolume", "partial_volume_cc"]

REACH = 3
"""Half width of the window of the local means, voxels: two layers beyond the shell's far side."""

MIN_VOXELS = 5
"""Safe voxels on each side that a local mean needs."""

MAX_MEAN_ERROR = 0.07
"""Largest standard error of T - S, as a part of it. Neighbours share most of their window, so this
error does not average out over the shell as the noise of single voxels does."""

MIN_CONTRAST_TO_SPREAD = 3.0
"""Below, a voxel's share is known to a third at best: no better than 0 or 1, which errs by .29
(the SD of an even distribution)."""

OVERSHOOT = 2.0
"""How far a share may lie below 0 or above 1, in standard errors. Cut at 0 and 1, noise would push
every voxel inwards, and the outer layer has more voxels; not cut at all, a sliver of bone would
count as several voxels."""


@dataclass(frozen=True)
class PartialVolume:
    """A volume in which voxels at the contour count by their share of tumour.

    Parameters
    ----------
    volume_cc
        Cubic centimetres.
    share_by_intensity
        Share of the shell's voxels that were judged by intensity, 0 to 1; the others counted as
        the mask says. At 0 the volume is that of ``volume_cc(mask)``.
    """

    volume_cc: float
    share_by_intensity: float


def partial_volume_cc(image: sitk.Image, mask: sitk.Image) -> PartialVolume:
    """Return the volume of a tumour with the voxels at its contour counted by share.

    Corrects a contour by up to one voxel to either side, towards where the intensities say that
    the tumour ends. It needs an edge to see: where there is none it counts, and says so.

    Parameters
    ----------
    image
        3-D, finite; intensities that mix in proportion to volume, as CT numbers do.
    mask
        3-D, on the image's grid; non-zero voxels are inside.

    Returns
    -------
    PartialVolume
        ``volume_cc`` and ``share_by_intensity``.

    Raises
    ------
    GeometryError
        ``geometry_mismatch``: the mask does not lie on the image's grid.
    CaseError
        ``mask_empty``: no voxel. ``non_finite_voxels``: NaN or infinite voxels near the tumour.

    References
    ----------
    Heckel, Meine, Moltz et al., IEEE Trans Med Imaging 2014;33:462.

    Examples
    --------
    >>> import SimpleITK as sitk
    >>> from tumor_response.imaging.partial_volume import partial_volume_cc
    >>> mask = sitk.Image(20, 20, 20, sitk.sitkUInt8)
    >>> mask[5:15, 5:15, 5:15] = 1
    >>> image = sitk.Cast(mask, sitk.sitkFloat32) * 60 - 20
    >>> image[15, 5:15, 5:15] = 10  # half a layer of tumour that the mask leaves out
    >>> found = partial_volume_cc(image, mask)
    >>> round(found.volume_cc, 3), found.share_by_intensity
    (1.05, 1.0)
    """
    mask = adopt_grid(mask, Geometry.of(image), "partial_volume_cc: the mask")
    box = bounding_box(mask)
    if box is None:
        raise CaseError("partial_volume_cc: the mask has no voxel.", code="mask_empty")
    margin = REACH + 1  # the shell's outer layer, and as far as its window reaches
    window = tuple(slice(max(a - margin, 0), b + margin + 1) for a, b in reversed(box))
    inside = np.asarray(sitk.GetArrayViewFromImage(mask)[window] != 0)
    voxels = sitk.GetArrayViewFromImage(image)[window].astype(np.float64)
    if not np.isfinite(voxels).all():
        raise CaseError(
            "partial_volume_cc: there are NaN or infinite voxels near the tumour; replace them.",
            code="non_finite_voxels",
        )
    cube = np.ones((3, 3, 3), dtype=bool)
    core = ndimage.binary_erosion(inside, cube, border_value=1)
    reached = ndimage.binary_dilation(inside, cube)
    rim = inside & ~core
    tumour, tumour_variance, n_tumour = _around(voxels, core, rim)
    other, other_variance, n_other = _around(voxels, ~reached, rim)
    contrast = tumour - other
    spread = np.sqrt(np.maximum(tumour_variance, other_variance))
    error = spread * np.sqrt(1 / np.maximum(n_tumour, 1) + 1 / np.maximum(n_other, 1))
    trusted = (
        (np.minimum(n_tumour, n_other) >= MIN_VOXELS)
        & (contrast != 0)
        & (np.abs(contrast) >= MIN_CONTRAST_TO_SPREAD * spread)
        & (error <= MAX_MEAN_ERROR * np.abs(contrast))
    )
    # a voxel outside goes with the nearest one inside: judged on one side of the contour alone,
    # what the contour cuts off would be taken away and what it leaves out not added
    number = np.zeros(inside.shape, dtype=np.intp)
    number[rim] = np.arange(np.count_nonzero(rim))
    nearest = ndimage.distance_transform_edt(~inside, return_distances=False, return_indices=True)
    shell = reached & ~core
    at = number[tuple(axis[shell] for axis in nearest)]
    judged = trusted[at]
    at = at[judged]
    share = inside[shell].astype(np.float64)
    beyond = OVERSHOOT * spread[at] / np.abs(contrast[at])
    measured = (voxels[shell][judged] - other[at]) / contrast[at]
    share[judged] = np.clip(measured, -beyond, 1 + beyond)
    n_voxels = float(np.count_nonzero(core) + share.sum())
    return PartialVolume(
        volume_cc=n_voxels * float(np.prod(mask.GetSpacing())) / 1000.0,
        share_by_intensity=float(judged.mean()) if judged.size else 0.0,
    )


def _around(
    voxels: np.ndarray, safe: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return mean, variance and number of the safe voxels in the window around each voxel of at.

    Each shape (n,); mean and variance are 0 where there is no safe voxel.
    """
    width = 2 * REACH + 1
    n_window = width**voxels.ndim

    def summed(values: np.ndarray) -> np.ndarray:
        smooth = ndimage.uniform_filter(values, size=width, mode="constant")
        return np.asarray(smooth[at] * n_window)

    # around their mean, or the squares would lose digits
    centred = np.where(safe, voxels - (voxels[safe].mean() if safe.any() else 0.0), 0.0)
    n = np.rint(summed(safe.astype(np.float64)))
    mean = summed(centred) / np.maximum(n, 1)
    squares = summed(centred**2) / np.maximum(n, 1)
    variance = np.maximum(squares - mean**2, 0.0) * n / np.maximum(n - 1, 1)
    if safe.any():
        mean = mean + voxels[safe].mean()
    return mean, variance, n
