"""Bringing a mask onto another grid."""

from __future__ import annotations

import SimpleITK as sitk

__all__ = ["resample_mask"]


def resample_mask(mask: sitk.Image, reference: sitk.Image) -> sitk.Image:
    """Return ``mask`` on the grid of ``reference``, by nearest neighbour.

    The remedy for a mask that was drawn on another series of the same frame of reference. The
    voxel volume changes, so that a volume counted afterwards is that of the new grid.

    Parameters
    ----------
    mask
        3-D mask; its values are kept as they are.
    reference
        The image whose grid is wanted.

    Returns
    -------
    SimpleITK.Image
        Same values and type as ``mask``, zero outside of it.

    Examples
    --------
    >>> import SimpleITK as sitk, tumor_response as tr
    >>> mask = sitk.Image(4, 4, 4, sitk.sitkUInt8) + 1
    >>> fine = sitk.Image(8, 8, 8, sitk.sitkInt16); fine.SetSpacing((0.5, 0.5, 0.5))
    >>> tr.resample_mask(mask, fine).GetSize()
    (8, 8, 8)
    """
    return sitk.Resample(
        mask, reference, sitk.Transform(), sitk.sitkNearestNeighbor, 0, mask.GetPixelID()
    )
