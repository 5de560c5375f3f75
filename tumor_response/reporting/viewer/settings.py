"""What can be chosen about the viewer."""

from __future__ import annotations

from pydantic import Field

from tumor_response.settings import Settings

__all__ = ["ViewerSettings"]


class ViewerSettings(Settings):
    """How many lesions a page shows, and how large each may be.

    Parameters
    ----------
    max_lesions
        With more maps than these, as many are drawn by chance. The page says so.
    seed
        Of that draw. It is made among the identifiers in alphabetical order, so that another order
        of the cohort shows the same lesions.
    margin_mm
        CT shown around the tumour and what the network was shown.
    max_voxels
        Of a lesion. A larger excerpt gets larger pixels within the axial plane, by whole factors;
        its slices stay. A million voxels take about half a megabyte of the page.

    Examples
    --------
    >>> ViewerSettings(max_lesions=4).margin_mm
    10.0
    """

    max_lesions: int = Field(default=12, ge=1)
    seed: int = Field(default=0, ge=0)
    margin_mm: float = Field(default=10.0, ge=0)
    max_voxels: int = Field(default=1_000_000, ge=1000)
