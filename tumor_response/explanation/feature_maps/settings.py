"""What can be chosen about the map of a handcrafted column."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tumor_response.settings import Settings

__all__ = ["FeatureMapSettings"]


class FeatureMapSettings(Settings):
    """Around each voxel a cube, and of which voxels.

    Parameters
    ----------
    kernel_radius
        The feature's value at a voxel is that of the cube of ``2 kernel_radius + 1`` voxels around
        it, on the grid that the feature is computed on (after resampling); default 1.
    masked_kernel
        Whether voxels beyond the contour are left out of the cube (default), as they are left out
        of the column.
    slices
        ``"all"``: the whole tumour; ``"largest"``: the slice with most of it alone.
    max_voxels
        More voxels than this are refused: a texture takes up to some milliseconds for each.
    memory_mb
        What the matrices of a batch of voxels may take; smaller batches take longer.

    Examples
    --------
    >>> FeatureMapSettings(kernel_radius=2).slices
    'all'
    """

    kernel_radius: int = Field(default=1, ge=1, le=15)
    masked_kernel: bool = True
    slices: Literal["all", "largest"] = "all"
    max_voxels: int = Field(default=50_000, ge=1)
    memory_mb: float = Field(default=512.0, gt=0)
